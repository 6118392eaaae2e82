//! The built-in components, compiled by the build script: one per Cargo feature of this crate.

/// A component that is part of the binary.
#[derive(Clone, Copy)]
pub struct Builtin {
    /// As `[sink] component` names it.
    pub name: &'static str,
    /// The component, a Wasm binary.
    pub wasm: &'static [u8],
}

impl std::fmt::Debug for Builtin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builtin")
            .field("name", &self.name)
            .field("bytes", &self.wasm.len())
            .finish()
    }
}

/// Every built-in component, by name.
pub const COMPONENTS: &[Builtin] = include!(concat!(env!("OUT_DIR"), "/components.rs"));

/// The component of this name.
pub fn find(name: &str) -> Option<&'static Builtin> {
    COMPONENTS.iter().find(|component| component.name == name)
}
