//! All proof vectors of transparency-dev/merkle (`corpora/merkle`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr)]

use std::path::{Path, PathBuf};

use serde_json::Value;
use testudo_store::merkle::{
    Hash, leaf_hash, verify_consistency, verify_inclusion, verify_subtree_consistency, verify_subtree_inclusion,
};

fn corpora() -> Option<PathBuf> {
    let named = std::env::var_os("TESTUDO_CORPORA").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora"));
    folder.join("merkle").is_dir().then(|| folder.join("merkle"))
}

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "json") {
            into.push(path);
        }
    }
}

fn hash(value: &Value) -> Option<Hash> {
    data_encoding::BASE64.decode(value.as_str()?.as_bytes()).ok()?.try_into().ok()
}

/// A root. Some vectors that need only the equality of roots have a text of another length in their place ("don't
/// care"): it stands for its hash here, so that equal stays equal and nothing else is accepted.
fn root(value: &Value) -> Option<Hash> {
    let bytes = data_encoding::BASE64.decode(value.as_str()?.as_bytes()).ok()?;
    Some(bytes.try_into().unwrap_or_else(|bytes: Vec<u8>| leaf_hash(&bytes)))
}

/// `None` when a hash has another length than 32 bytes or a number is out of range: refused at the edge.
fn accepts(folder: &str, vector: &Value) -> Option<()> {
    let number = |name: &str| vector[name].as_u64();
    let proof: Vec<Hash> = match &vector["proof"] {
        Value::Null => Vec::new(),
        proof => proof.as_array()?.iter().map(hash).collect::<Option<_>>()?,
    };
    match folder {
        "inclusion" => verify_inclusion(
            number("leafIdx")?,
            number("treeSize")?,
            &hash(&vector["leafHash"])?,
            &proof,
            &hash(&vector["root"])?,
        ),
        "subtreeinclusion" => verify_subtree_inclusion(
            number("leafIdx")?,
            number("start")?,
            number("end")?,
            &hash(&vector["leafHash"])?,
            &proof,
            &hash(&vector["root"])?,
        ),
        "consistency" => verify_consistency(
            number("size1")?,
            number("size2")?,
            &proof,
            &root(&vector["root1"])?,
            &root(&vector["root2"])?,
        ),
        "subtreeconsistency" => verify_subtree_consistency(
            number("start")?,
            number("end")?,
            number("size")?,
            &proof,
            &root(&vector["root1"])?,
            &root(&vector["root2"])?,
        ),
        other => panic!("unknown folder {other}"),
    }
    .ok()
}

#[test]
fn all_vectors_give_the_expected_verdict() {
    let Some(corpora) = corpora() else {
        assert!(
            std::env::var_os("TESTUDO_REQUIRE_CORPORA").is_none(),
            "TESTUDO_REQUIRE_CORPORA is set, and what it asks for is not there"
        );
        // Past what the test harness captures.
        let _ = std::io::Write::write_fmt(
            &mut std::io::stderr(),
            format_args!("SKIPPED: no merkle vectors; set TESTUDO_CORPORA to the folder of the test corpora\n"),
        );
        return;
    };
    let (mut total, mut wrong) = (0, Vec::new());
    for folder in ["inclusion", "consistency", "subtreeinclusion", "subtreeconsistency"] {
        let mut paths = Vec::new();
        files(&corpora.join(folder), &mut paths);
        for path in paths {
            let vector: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            total += 1;
            if accepts(folder, &vector).is_none() != vector["wantErr"].as_bool().unwrap() {
                wrong.push(path);
            }
        }
    }
    assert_eq!(wrong, Vec::<PathBuf>::new());
    assert_eq!(total, 518);
}
