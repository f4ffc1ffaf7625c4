"""Compiled programs are kept on disk, so that only the first command waits for them.

JAX can keep them; it has to be told where before the first compilation. The commands
do that, `import toymodels` does not: in a script of your own, call `keep_compiled()`.
"""

from pathlib import Path

import jax

from toymodels.store import default_root


def keep_compiled(folder: str | Path | None = None) -> None:
    """Keep compiled programs in `folder`, and take them from there.

    A place that was chosen before (`JAX_COMPILATION_CACHE_DIR`) stays, and
    `JAX_ENABLE_COMPILATION_CACHE=false` turns keeping off. The folder may be deleted at
    any time; one that cannot be written costs a warning.

    Args:
        folder: `compiled` in the default store when None.
    """
    chosen = jax.config.jax_compilation_cache_dir  # pyright: ignore
    if chosen is None:
        folder = default_root() / "compiled" if folder is None else folder
        jax.config.update("jax_compilation_cache_dir", str(Path(folder).absolute()))
        # JAX keeps what took over a second; most programs here take less.
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
