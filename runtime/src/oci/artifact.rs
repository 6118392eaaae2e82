//! A component as registries keep it: the layout of the CNCF's working group for Wasm
//! (tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact): an image manifest with one layer, the component, and a
//! configuration that tells what it imports and exports.

use oci_client::manifest::{OciDescriptor, OciImageManifest};
use serde_json::json;
use sha2::{Digest, Sha256};
use wasm_sink_core::error::{Blame, Error, Kind, Result};

use crate::engine::hex;

/// Media type of the manifest.
pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Media type of the configuration.
const CONFIG: &str = "application/vnd.wasm.config.v0+json";
/// Media type of the component.
pub(super) const LAYER: &str = "application/wasm";
/// What some wrote before there was that layout.
const OLDER_LAYER: &str = "application/vnd.wasm.content.layer.v1+wasm";

/// A component with the manifest that names it.
#[derive(Debug)]
pub(super) struct Artifact {
    /// Byte for byte.
    pub(super) manifest: Vec<u8>,
    /// Byte for byte; empty where it was not asked for.
    pub(super) config: Vec<u8>,
    /// The component.
    pub(super) wasm: Vec<u8>,
}

/// "sha256:…".
pub(super) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(bytes)))
}

impl Artifact {
    /// Of a component. Nothing in it depends on when or where it is made.
    pub(super) fn of(wasm: Vec<u8>, imports: &[String], exports: &[String]) -> Self {
        let config = json!({
            // The layout wants a time.
            "created": "1970-01-01T00:00:00Z",
            "architecture": "wasm",
            "os": "wasip2",
            "layerDigests": [digest(&wasm)],
            "component": { "imports": imports, "exports": exports },
        });
        let config = config.to_string().into_bytes();
        let described = |media_type: &str, bytes: &[u8]| json!({ "mediaType": media_type, "digest": digest(bytes), "size": bytes.len() });
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": described(CONFIG, &config),
            "layers": [described(LAYER, &wasm)],
        });
        Self {
            manifest: manifest.to_string().into_bytes(),
            config,
            wasm,
        }
    }

    /// What names it.
    pub(super) fn digest(&self) -> String {
        digest(&self.manifest)
    }

    pub(super) fn config_digest(&self) -> String {
        digest(&self.config)
    }
}

/// The layer of a manifest that is the component.
///
/// # Errors
/// It is no manifest, or of something else.
pub(super) fn component_layer(manifest: &[u8]) -> Result<OciDescriptor> {
    let other = |message: String| Error::new(Kind::Invalid, Blame::Configuration, message);
    let manifest: OciImageManifest = serde_json::from_slice(manifest).map_err(|error| {
        other("what is there is no image manifest, so no component".to_owned()).with_source(error)
    })?;
    let is_component =
        |layer: &&OciDescriptor| [LAYER, OLDER_LAYER].contains(&layer.media_type.as_str());
    let mut components = manifest.layers.iter().filter(is_component);
    match (components.next(), components.next()) {
        (Some(layer), None) => Ok(layer.clone()),
        (Some(_), Some(_)) => Err(other("there are several components in it".to_owned())),
        (None, _) => {
            let types: Vec<_> = manifest
                .layers
                .iter()
                .map(|layer| &*layer.media_type)
                .collect();
            Err(other(format!(
                "there is no component in it, which would be a layer of type {LAYER}: it has {}",
                match types.is_empty() {
                    true => "no layers".to_owned(),
                    false => types.join(", "),
                }
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_component_has_the_same_digest() {
        let artifact = || {
            let names = |name: &str| [name.to_owned()];
            Artifact::of(b"\0asm".to_vec(), &names("a"), &names("b"))
        };
        assert_eq!(artifact().digest(), artifact().digest());
        let layer = component_layer(&artifact().manifest).unwrap();
        assert_eq!(layer.digest, digest(b"\0asm"));
        assert_eq!(layer.size, 4);
    }

    #[test]
    fn an_image_is_no_component() {
        let layer =
            |media_type: &str| json!({ "mediaType": media_type, "digest": digest(b""), "size": 0 });
        let manifest = |layers: serde_json::Value| {
            let config = layer("application/vnd.oci.image.config.v1+json");
            json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers })
                .to_string()
        };
        let image = "application/vnd.oci.image.layer.v1.tar+gzip";
        for (text, expected) in [
            (
                manifest(json!([layer(image)])),
                "it has application/vnd.oci",
            ),
            (manifest(json!([])), "it has no layers"),
            (manifest(json!([layer(LAYER), layer(LAYER)])), "several"),
            ("{}".to_owned(), "no image manifest"),
            ("no JSON".to_owned(), "no image manifest"),
        ] {
            let error = component_layer(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let older = manifest(json!([layer(image), layer(OLDER_LAYER)]));
        assert!(component_layer(older.as_bytes()).is_ok());
    }
}
