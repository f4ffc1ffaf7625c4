"""A world stricter than the user's, set up before anything imports jax.

Two fake CPU devices so that sharding is exercised, no implicit rank or dtype
promotion, no display, and every annotated array of `toymodels` checked at run time by
jaxtyping and beartype. Warnings are errors (see `pyproject.toml`).
"""

import os

os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["MPLBACKEND"] = "agg"
if "xla_force_host_platform_device_count" not in os.environ.get("XLA_FLAGS", ""):
    os.environ["XLA_FLAGS"] = (
        os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=2"
    ).strip()

import jax
import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

# What a test compiles must not depend on what an earlier one left on disk.
jax.config.update("jax_enable_compilation_cache", False)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")

# The hook rewrites modules as they are imported, so it must stay in place for the whole
# session and before the first `import toymodels` of any test.
install_import_hook("toymodels", "beartype.beartype")

# The same examples every time, and no deadline: a first call compiles.
settings.register_profile("toymodels", derandomize=True, deadline=None, database=None)
settings.load_profile("toymodels")

pytest.register_assert_rewrite("explorer_pages")
from explorer_pages import chromium, served, visit  # noqa: E402, F401  (fixtures)


@pytest.fixture(autouse=True)
def few_programs():
    """A process that has compiled thousands of programs would crash in the next one."""
    from toymodels.compilation import is_crowded, release_compiled

    yield
    if is_crowded():
        release_compiled()


# Imported by name once the hook is in place, as a plugin would be.
pytest_plugins = ["fakes"]
