//! OSV records: whatever is taken makes an index that is whole.
#![no_main]

use libfuzzer_sys::fuzz_target;
use testudo_scan::dependencies::{Importer, Index};

fuzz_target!(|data: &[u8]| {
    let mut importer = Importer::new();
    for record in data.split(|byte| *byte == 0) {
        let _ = importer.add("record", record);
    }
    let imported = importer.finish(None).unwrap();
    let index = Index::open(&imported.bytes).unwrap();
    index.verify().unwrap();
    for package in index.packages() {
        let (ecosystem, name) = package.unwrap();
        for affected in index.affected(ecosystem, name).unwrap() {
            index.advisory(affected.unwrap().advisory).unwrap();
        }
    }
});
