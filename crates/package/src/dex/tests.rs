//! The reader against what the test kit writes, and against tables that lie.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use testudo_testkit::package::dex as kit;

use super::*;

const MAIN: &str = "Lcom/example/Main;";

fn sample() -> kit::Dex {
    kit::Dex::new().class(MAIN, |class| {
        class.source("Main.java").implements("Ljava/lang/Runnable;");
        class.annotate(
            kit::Annotation::runtime("Lcom/example/Marked;")
                .with("value", kit::Value::Array(vec![kit::Value::Int(-300), kit::Value::string("é")])),
        );
        class.constant("LIMIT", "J", kit::Value::Long(-1));
        class.constant("NAME", "Ljava/lang/String;", kit::Value::string("secret"));
        class.constant("RATE", "D", kit::Value::Double(0.5));
        class.static_field("ZERO", "I");
        class.field("count", "I");
        class.default_constructor();
        class
            .method("run", "()V", 6, |code| {
                code.line(10).const_int(0, 7).const_int(1, -30_000).const_int(2, 0x1234_5678);
                code.line(12);
                code.protect(&[("Ljava/lang/Exception;", "caught"), ("*", "anything")], |code| {
                    code.const_string(0, "text").sget(1, MAIN, "ZERO", "I");
                });
                code.packed_switch(1, 5, &["end", "caught"]);
                code.sparse_switch(1, &[(900, "end"), (-900, "caught")]);
                code.label("end").line(20).return_void();
                code.label("caught").move_exception(3).throw(3);
                code.label("anything").move_exception(3).const_int(0, 3).new_array(4, 0, "[B");
                code.fill_bytes(4, &[1, 2, 0xff]).goto("end");
            })
            .annotate(kit::Annotation::system("Ldalvik/annotation/Throws;"));
    })
}

fn only_class(dex: &Dex<'_>) -> ClassDef {
    dex.class(ClassDefIndex(0)).unwrap()
}

fn run_code<'a>(dex: &Dex<'a>) -> Code<'a> {
    let method = dex.class_data(&only_class(dex)).unwrap().methods().last().unwrap();
    dex.code(method.code).unwrap()
}

#[test]
fn what_is_written_is_read() {
    let bytes = sample().build();
    let dex = Dex::parse(&bytes).unwrap();
    assert_eq!(dex.anomalies(), []);
    assert_eq!(dex.integrity(), []);
    assert_eq!((dex.version(), dex.length() as usize), (35, bytes.len()));
    let class = only_class(&dex);
    assert_eq!(dex.descriptor(class.class).unwrap().decode(), MAIN);
    assert_eq!(dex.descriptor(class.superclass.unwrap()).unwrap().decode(), "Ljava/lang/Object;");
    let interfaces: Vec<_> = dex.interfaces(&class).unwrap().iter().map(|of| dex.descriptor(of).unwrap()).collect();
    assert_eq!(interfaces, [Mutf8::new(b"Ljava/lang/Runnable;")]);
    assert_eq!(dex.string(class.source.unwrap()).unwrap().decode(), "Main.java");
    let members: Vec<_> = dex.class_data(&class).unwrap().collect::<Result<_, _>>().unwrap();
    let names: Vec<_> = members
        .iter()
        .map(|member| match member {
            Member::Field(field) => dex.string(dex.field(field.field).unwrap().name).unwrap().to_string(),
            Member::Method(method) => dex.string(dex.method(method.method).unwrap().name).unwrap().to_string(),
        })
        .collect();
    assert_eq!(names, ["LIMIT", "NAME", "RATE", "ZERO", "count", "<init>", "run"]);
}

#[test]
fn values_are_read_in_the_order_of_the_fields() {
    let bytes = sample().build();
    let dex = Dex::parse(&bytes).unwrap();
    let values: Vec<_> = dex.static_values(&only_class(&dex)).unwrap().collect::<Result<_, _>>().unwrap();
    let [EncodedValue::Long(-1), EncodedValue::String(name), EncodedValue::Double(rate)] = values.as_slice() else {
        panic!("{values:?}");
    };
    assert_eq!(dex.string(*name).unwrap().decode(), "secret");
    assert!((rate - 0.5).abs() < f64::EPSILON);
}

#[test]
fn annotations_of_classes_and_methods_are_read() {
    let bytes = sample().build();
    let dex = Dex::parse(&bytes).unwrap();
    let annotations = dex.annotations(&only_class(&dex)).unwrap();
    let item = annotations.class().unwrap().next().unwrap().unwrap();
    assert_eq!(item.visibility, Visibility::Runtime);
    assert_eq!(dex.descriptor(item.annotation.of).unwrap().decode(), "Lcom/example/Marked;");
    let (name, value) = item.annotation.clone().next().unwrap().unwrap();
    assert_eq!(dex.string(name).unwrap().decode(), "value");
    let EncodedValue::Array(array) = value else { panic!("{value:?}") };
    let elements: Vec<_> = array.collect::<Result<_, _>>().unwrap();
    let [EncodedValue::Int(-300), EncodedValue::String(text)] = elements.as_slice() else { panic!("{elements:?}") };
    assert_eq!(dex.string(*text).unwrap().decode(), "é");
    let (method, mut set) = annotations.methods().next().unwrap().unwrap();
    assert_eq!(dex.string(dex.method(method).unwrap().name).unwrap().decode(), "run");
    assert_eq!(set.next().unwrap().unwrap().visibility, Visibility::System);
    assert_eq!(annotations.fields().count() + annotations.parameters().count(), 0);
}

#[test]
fn code_is_decoded_with_its_tables() {
    let bytes = sample().build();
    let dex = Dex::parse(&bytes).unwrap();
    let code = run_code(&dex);
    let all: Vec<_> = code.instructions().collect::<Result<_, _>>().unwrap();
    let literals: Vec<_> = all.iter().take(3).map(|one| (one.opcode.mnemonic(), one.literal)).collect();
    assert_eq!(literals, [("const/4", 7), ("const/16", -30_000), ("const", 0x1234_5678)]);
    let cases = |opcode| {
        let switch = all.iter().find(|one| one.opcode == opcode).unwrap();
        let Some(Payload::Switch(cases)) = code.payload(switch.target()) else { panic!("no table") };
        let at = |distance: i32| switch.pc.wrapping_add_signed(distance);
        cases.cases().map(|(key, distance)| (key, code.at(at(distance)).unwrap().opcode.mnemonic())).collect::<Vec<_>>()
    };
    assert_eq!(cases(Opcode::PACKED_SWITCH), [(5, "return-void"), (6, "move-exception")]);
    assert_eq!(cases(Opcode::SPARSE_SWITCH), [(-900, "move-exception"), (900, "return-void")]);
    let fill = all.iter().find(|one| one.opcode == Opcode::FILL_ARRAY_DATA).unwrap();
    let Some(Payload::Array(data)) = code.payload(fill.target()) else { panic!("no content") };
    assert_eq!(data.elements().collect::<Vec<_>>(), [1, 2, -1]);
    let references: Vec<_> = code.references().map(|one| one.opcode.mnemonic()).collect();
    assert_eq!(references, ["const-string", "sget", "new-array"]);
    let slow: Vec<_> =
        all.iter().filter(|one| one.opcode.reference() != ReferenceKind::None).map(|one| one.pc).collect();
    assert_eq!(code.references().map(|one| one.pc).collect::<Vec<_>>(), slow);
}

#[test]
fn protected_ranges_and_lines_are_read() {
    let bytes = sample().build();
    let dex = Dex::parse(&bytes).unwrap();
    let code = run_code(&dex);
    let range = code.tries().next().unwrap();
    let handlers: Vec<_> = code.handlers(range).collect();
    assert_eq!(handlers.len(), 2);
    assert_eq!(dex.descriptor(handlers[0].catches.unwrap()).unwrap().decode(), "Ljava/lang/Exception;");
    assert_eq!(handlers[1].catches, None);
    assert_eq!(code.at(handlers[1].target).unwrap().opcode, Opcode::MOVE_EXCEPTION);
    assert_eq!(code.at(range.start).unwrap().opcode, Opcode::CONST_STRING);
    assert_eq!(dex.line_at(code.debug, 0), Some(10));
    assert_eq!(dex.line_at(code.debug, range.start), Some(12));
    assert_eq!(dex.line_at(code.debug, code.len()), Some(20));
}

#[test]
fn a_container_holds_several_executables() {
    let one = |name: &str| {
        kit::Dex::new().version(41).class(name, |class| {
            class.default_constructor();
        })
    };
    let bytes = kit::Dex::container(&[one("La/A;"), one("Lb/B;"), one("Lc/C;")]);
    let (all, error) = Dex::parse_all(&bytes);
    assert_eq!(error, None);
    let names: Vec<_> = all.iter().map(|dex| dex.descriptor(only_class(dex).class).unwrap().to_string()).collect();
    assert_eq!(names, ["La/A;", "Lb/B;", "Lc/C;"]);
    for dex in &all {
        assert_eq!((dex.version(), dex.anomalies(), dex.integrity().as_slice()), (41, &[][..], &[][..]));
    }
    let cut = &bytes[..bytes.len() - 8];
    assert_eq!(Dex::parse_all(cut).0.len(), 3, "the last is still read, with an anomaly");
    assert_ne!(Dex::parse_all(cut).0[2].anomalies(), []);
}

#[test]
fn what_is_no_executable_is_refused() {
    let bytes = sample().build();
    assert_eq!(Dex::parse(b"PK\x03\x04").unwrap_err(), DexError::NotDex { offset: 0 });
    let with = |at: usize, byte: u8| {
        let mut changed = bytes.clone();
        changed[at] = byte;
        changed
    };
    assert_eq!(Dex::parse(&with(6, b'4')).unwrap_err(), DexError::Version { offset: 0, version: *b"034" });
    assert!(matches!(Dex::parse(&with(40, 0)).unwrap_err(), DexError::ByteOrder { .. }));
    assert!(matches!(Dex::parse(&bytes[..0x6f]).unwrap_err(), DexError::Truncated { what: "header", .. }));
}

#[test]
fn tables_that_lie_are_anomalies() {
    let bytes = sample().build();
    let with = |at: usize, word: u32| {
        let mut changed = bytes.clone();
        changed[at..at + 4].copy_from_slice(&word.to_le_bytes());
        changed
    };
    let anomalies = |changed: &[u8]| Dex::parse(changed).unwrap().anomalies().to_vec();
    assert!(matches!(anomalies(&with(56, u32::MAX))[0], Anomaly::TableCut { table: "strings", .. }));
    assert!(matches!(anomalies(&with(32, 5))[0], Anomaly::FileSize { stated: 5, .. }));
    assert!(matches!(anomalies(&with(36, 5))[0], Anomaly::HeaderSize { stated: 5, .. }));
    assert!(matches!(anomalies(&with(52, 0))[0], Anomaly::Map { offset: 0 }));
    let types = u32::from_le_bytes(bytes[68..72].try_into().unwrap());
    assert!(anomalies(&with(76, types)).iter().any(|one| matches!(one, Anomaly::Overlap { .. })));
    let changed = with(bytes.len() - 4, 0xdead_beef);
    let found = Dex::parse(&changed).unwrap().integrity();
    assert!(matches!(found.as_slice(), [Anomaly::Checksum { .. }, Anomaly::Signature]), "{found:?}");
}

#[test]
fn a_broken_index_names_its_table() {
    let bytes = sample().build();
    let dex = Dex::parse(&bytes).unwrap();
    let count = dex.method_count();
    let expected = DexError::Index { what: "method", index: 60_000, count };
    assert_eq!(dex.method(MethodIndex(60_000)).unwrap_err(), expected);
    assert_eq!(expected.to_string(), format!("method 60000 is not among the {count} of this executable"));
    assert!(dex.code(u32::MAX).is_err());
    assert!(dex.lines(u32::MAX).is_err());
}

#[test]
fn values_nested_too_deep_are_refused() {
    let mut value = kit::Value::Null;
    for _ in 0..40 {
        value = kit::Value::Array(vec![value]);
    }
    let bytes = kit::Dex::new()
        .class(MAIN, |class| {
            class.constant("DEEP", "Ljava/lang/Object;", value);
        })
        .build();
    let dex = Dex::parse(&bytes).unwrap();
    let error = dex.static_values(&only_class(&dex)).unwrap().next().unwrap().unwrap_err();
    assert!(matches!(error, DexError::TooDeep { .. }), "{error}");
}
