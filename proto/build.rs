//! Compiles the schema with `protox`, so that no `protoc` is needed and nothing generated is committed.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message;

const SCHEMA: &str = "schema";
const FILES: [&str; 6] = [
    "soundalike/v1/feature_vector.proto",
    "soundalike/v1/warning.proto",
    "soundalike/v1/query.proto",
    "soundalike/v1/extractor_service.proto",
    "soundalike/v1/index_card.proto",
    "soundalike/v1/index_service.proto",
];

#[expect(clippy::disallowed_methods, reason = "cargo talks to build scripts by environment")]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={SCHEMA}");
    let descriptors = protox::compile(FILES, [SCHEMA])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.binpb"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .bytes(".soundalike.v1.ExtractFeaturesRequest")
        .compile_fds(descriptors)?;
    Ok(())
}
