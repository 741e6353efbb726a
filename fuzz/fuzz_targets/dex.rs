//! Dalvik executables and the program that they make: no panic, no endless work, and every id leads back to its text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use testudo_package::dex::Dex;
use testudo_package::program::{Constants, Entries, Index, Program, Reach, Wanted};

fuzz_target!(|data: &[u8]| {
    let (dexes, _) = Dex::parse_all(data);
    let program = Program::new(dexes);
    for (id, text) in program.strings() {
        if let Some(text) = text.as_str() {
            assert_eq!(program.find_string(text), Some(id));
        }
    }
    let mut wanted = Wanted::new();
    wanted.strings();
    for (_, definition) in program.definitions().take(100) {
        let key = program.method(definition.method);
        wanted.method(&program.descriptor(key.class).decode(), &program.string(key.name).decode());
    }
    let index = Index::new(&program, &wanted);
    let constants = Constants::new(&program, Some(&index));
    let mut entries = Entries::new();
    for (_, class) in program.classes().take(100) {
        entries.class(&program.descriptor(class.of).decode());
    }
    for (id, definition) in program.definitions().take(100) {
        let key = program.method(definition.method);
        for site in index.calls(&program.descriptor(key.class).decode(), &program.string(key.name).decode()).take(10) {
            constants.arguments(site);
        }
        constants.returned(id);
    }
    assert!(Reach::new(&program, &entries).count() <= program.definition_count());
});
