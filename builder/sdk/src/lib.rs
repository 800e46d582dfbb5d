//! Empty: this package exists for its dependencies, which set-up prebuilds.
