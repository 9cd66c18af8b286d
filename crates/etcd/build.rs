//! Compiles the vendored interface definitions without a `protoc` on the
//! machine: protox parses them, tonic-prost-build writes messages, clients and
//! servers, pbjson-build writes the JSON mapping that the HTTP gateway speaks.

use std::error::Error;
use std::path::PathBuf;

use prost::Message as _;

const PROTOS: [&str; 3] = ["rpc.proto", "kv.proto", "auth.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    println!("cargo:rerun-if-changed=build.rs");
    let proto = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("proto");
    let descriptors = protox::compile(PROTOS, [proto])?;

    pbjson_build::Builder::new()
        .register_descriptors(&descriptors.encode_to_vec())?
        // etcd's gateway writes the field names of the definition and ignores
        // fields that it does not know.
        .preserve_proto_field_names()
        .ignore_unknown_fields()
        .build(&[".etcdserverpb", ".mvccpb", ".authpb"])?;

    tonic_prost_build::configure()
        // A key or a value is a slice of the frame it came in: no copy.
        .bytes(".")
        // The definitions' comments indent examples in ways rustdoc takes for code.
        .disable_comments(["."])
        .generate_default_stubs(true)
        .build_transport(false)
        .compile_fds(descriptors)?;
    Ok(())
}
