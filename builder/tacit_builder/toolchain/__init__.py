"""The Rust toolchain, the prebuilt guest SDK, and the confined compilation of an author's source."""

from tacit_builder.toolchain.compiling import FLAGS, Compiled, compile_source
from tacit_builder.toolchain.confinement import Confinement, find_confinement
from tacit_builder.toolchain.installed import Toolchain, find_toolchain
from tacit_builder.toolchain.sdk import Sdk, find_sdk

__all__ = [
    "FLAGS",
    "Compiled",
    "Confinement",
    "Sdk",
    "Toolchain",
    "compile_source",
    "find_confinement",
    "find_sdk",
    "find_toolchain",
]
