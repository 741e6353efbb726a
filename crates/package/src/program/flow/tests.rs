//! What arguments are found to be, one way of writing them after the other.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use testudo_testkit::package::dex as kit;

use super::*;
use crate::dex::Dex;
use crate::program::Wanted;

const APP: &str = "La/App;";
const SINK: &str = "Lsink/Sink;";
const STRING: &str = "Ljava/lang/String;";
const BUILDER: &str = "Ljava/lang/StringBuilder;";
const APPEND: &str = "(Ljava/lang/String;)Ljava/lang/StringBuilder;";

/// Passes a register to the sink that takes a string, or anything else.
fn sink(code: &mut kit::Code, register: u16) {
    code.invoke_static(SINK, "take", "(Ljava/lang/Object;)V", &[register]).return_void();
}

/// What the one argument of the one call of the sink is found to be.
fn found(define: impl FnOnce(&mut kit::Class)) -> Values {
    found_in(&kit::Dex::new().class(APP, define))
}

/// As [`found`], in a whole executable.
fn found_in(dex: &kit::Dex) -> Values {
    let bytes = dex.build();
    let program = Program::new(vec![Dex::parse(&bytes).unwrap()]);
    assert_eq!(program.anomalies(), []);
    let mut index = Index::new(&program, Wanted::new().method(SINK, "take"));
    for _ in 0..3 {
        index.add_callers(&program);
    }
    let sites: Vec<_> = index.calls(SINK, "take").copied().collect();
    let [site] = sites.as_slice() else { panic!("{} calls", sites.len()) };
    Constants::new(&program, Some(&index)).argument(site, 0)
}

/// As [`found`], of a static method with eight registers that take nothing.
fn in_code(write: impl FnOnce(&mut kit::Code)) -> Values {
    found(|class| {
        class.static_method("main", "()V", 8, write);
    })
}

fn texts(values: &Values) -> Vec<String> {
    let mut texts: Vec<_> = values.texts().map(str::to_owned).collect();
    texts.sort();
    assert_eq!(texts.len(), values.traced().len(), "{values:?}");
    texts
}

#[test]
fn moves_and_casts_are_followed() {
    let values = in_code(|code| {
        code.const_string(0, "AES/ECB").move_object(1, 0).check_cast(1, STRING).const_string(0, "other");
        sink(code, 1);
    });
    assert_eq!(texts(&values), ["AES/ECB"]);
    assert!(values.traced()[0].origin.is_some_and(|(_, pc)| pc == 0), "{values:?}");
}

#[test]
fn branches_are_joined() {
    let values = in_code(|code| {
        code.sget(1, "Landroid/os/Build$VERSION;", "SDK_INT", "I").if_eqz(1, "old");
        code.const_string(0, "new").goto("done");
        code.label("old").const_string(0, "old");
        code.label("done");
        sink(code, 0);
    });
    assert_eq!(texts(&values), ["new", "old"]);
}

#[test]
fn loops_come_to_an_end() {
    let values = in_code(|code| {
        code.const_int(0, 1).label("again").literal(0xd8, 0, 0, 1).if_nez(0, "again");
        sink(code, 0);
    });
    assert!(!values.is_constant());
}

#[test]
fn exceptions_may_come_before_or_after_a_write() {
    let values = in_code(|code| {
        code.const_string(0, "before");
        code.protect(&[("*", "caught")], |code| {
            code.const_string(0, "within").invoke_static("Lb/B;", "risky", "()V", &[]);
        });
        code.label("use");
        sink(code, 0);
        code.label("caught").move_exception(1).goto("use");
    });
    assert_eq!(texts(&values), ["before", "within"]);
}

#[test]
fn numbers_are_computed() {
    let values = in_code(|code| {
        code.const_int(0, 0x0400_0000).const_int(1, 0x0800_0000).binary(0x96, 0, 0, 1);
        code.literal(0xdf, 0, 0, 1);
        sink(code, 0);
    });
    assert_eq!(values.ints().collect::<Vec<_>>(), [0x0c00_0001]);
}

#[test]
fn helpers_are_entered_with_their_arguments() {
    let values = found(|class| {
        class.static_method("mode", "()Ljava/lang/String;", 1, |code| {
            code.const_string(0, "ECB").return_object(0);
        });
        class.static_method("same", "(JLjava/lang/String;)Ljava/lang/String;", 4, |code| {
            code.return_object(3);
        });
        class.static_method("main", "()V", 8, |code| {
            code.invoke_static(APP, "mode", "()Ljava/lang/String;", &[]).move_result_object(2);
            code.const_long(0, 5);
            code.invoke_static(APP, "same", "(JLjava/lang/String;)Ljava/lang/String;", &[0, 1, 2])
                .move_result_object(3);
            sink(code, 3);
        });
    });
    assert_eq!(texts(&values), ["ECB"]);
}

#[test]
fn parameters_are_asked_of_the_callers() {
    let values = found(|class| {
        class.method("encrypt", "(Ljava/lang/String;)V", 3, |code| sink(code, 2));
        class.method("outer", "(Ljava/lang/String;)V", 3, |code| {
            code.invoke_virtual(APP, "encrypt", "(Ljava/lang/String;)V", &[1, 2]).return_void();
        });
        class.method("one", "()V", 3, |code| {
            code.const_string(0, "first").invoke_virtual(APP, "outer", "(Ljava/lang/String;)V", &[2, 0]).return_void();
        });
        class.method("two", "()V", 3, |code| {
            code.const_string(0, "second")
                .invoke_virtual(APP, "encrypt", "(Ljava/lang/String;)V", &[2, 0])
                .return_void();
        });
    });
    assert_eq!(texts(&values), ["first", "second"]);
    let alone = found(|class| {
        class.method("encrypt", "(ILjava/lang/String;)V", 3, |code| sink(code, 2));
    });
    assert_eq!(alone.single(), Some(&Value::Parameter(1)));
}

#[test]
fn recursion_ends() {
    let values = found(|class| {
        class.static_method("again", "()Ljava/lang/String;", 1, |code| {
            code.invoke_static(APP, "again", "()Ljava/lang/String;", &[]).move_result_object(0).return_object(0);
        });
        class.static_method("main", "()V", 1, |code| {
            code.invoke_static(APP, "again", "()Ljava/lang/String;", &[]).move_result_object(0);
            sink(code, 0);
        });
    });
    assert!(!values.is_constant());
}

#[test]
fn fields_hold_what_the_file_or_their_class_gives_them() {
    let values = found(|class| {
        class.constant("KEY", STRING, kit::Value::string("0123456789abcdef"));
        class.static_method("main", "()V", 1, |code| {
            code.sget(0, APP, "KEY", STRING);
            sink(code, 0);
        });
    });
    assert_eq!(texts(&values), ["0123456789abcdef"]);
    let values = found(|class| {
        class.static_field("KEY", STRING).access(kit::access::STATIC | kit::access::PRIVATE);
        class.static_initializer(1, |code| {
            code.const_string(0, "set").sput(0, APP, "KEY", STRING).return_void();
        });
        class.static_method("main", "()V", 1, |code| {
            code.sget(0, APP, "KEY", STRING);
            sink(code, 0);
        });
    });
    assert_eq!(texts(&values), ["set"]);
}

#[test]
fn instance_fields_are_known_if_only_their_class_writes_them() {
    let written_by = |other: &str| {
        let mut dex = kit::Dex::new().class(APP, |class| {
            class.field("key", STRING).access(kit::access::PUBLIC);
            class.constructor("()V", 2, |code| {
                code.invoke_direct("Ljava/lang/Object;", "<init>", "()V", &[1]);
                code.const_string(0, "own").iput(0, 1, APP, "key", STRING).return_void();
            });
            class.method("main", "()V", 2, |code| {
                code.iget(0, 1, APP, "key", STRING);
                sink(code, 0);
            });
        });
        dex = dex.class("La/Other;", |class| {
            class.static_method("set", "(La/App;Ljava/lang/String;)V", 2, |code| {
                code.iput(1, 0, APP, other, STRING).return_void();
            });
        });
        found_in(&dex)
    };
    assert_eq!(texts(&written_by("another")), ["own"]);
    let open = written_by("key");
    assert_eq!(open.texts().collect::<Vec<_>>(), ["own"]);
    assert!(!open.is_constant(), "another class writes it");
}

#[test]
fn arrays_are_read_with_their_content() {
    let values = in_code(|code| {
        code.const_int(0, 4).new_array(1, 0, "[B").fill_bytes(1, &[1, 2, 3, 0xff]);
        sink(code, 1);
    });
    assert_eq!(values.single(), Some(&Value::Bytes([1, 2, 3, 0xff].as_slice().into())));
    let zeros = in_code(|code| {
        code.const_int(0, 16).new_array(1, 0, "[B");
        sink(code, 1);
    });
    assert_eq!(zeros.single(), Some(&Value::Bytes([0; 16].as_slice().into())));
    let strings = in_code(|code| {
        code.const_int(0, 2).new_array(1, 0, "[Ljava/lang/String;");
        code.const_int(2, 1).const_string(3, "x").aput(3, 1, 2, STRING);
        code.aget(4, 1, 2, STRING);
        sink(code, 4);
    });
    assert_eq!(texts(&strings), ["x"]);
    let listed = in_code(|code| {
        code.const_string(0, "a").const_string(1, "b").filled_new_array("[Ljava/lang/String;", &[0, 1]);
        code.move_result_object(2).const_int(3, 0).aget(4, 2, 3, STRING);
        sink(code, 4);
    });
    assert_eq!(texts(&listed), ["a"]);
}

#[test]
fn an_array_that_is_filled_elsewhere_is_not_constant() {
    let values = in_code(|code| {
        code.const_int(0, 16).new_array(1, 0, "[B");
        code.new_object(2, "Ljava/security/SecureRandom;", "()V", &[]);
        code.invoke_virtual("Ljava/security/SecureRandom;", "nextBytes", "([B)V", &[2, 1]);
        sink(code, 1);
    });
    assert!(!values.is_constant(), "{values:?}");
}

#[test]
fn static_arrays_are_found_through_their_initialiser() {
    let values = found(|class| {
        class.static_field("IV", "[B").access(kit::access::STATIC | kit::access::FINAL);
        class.static_initializer(2, |code| {
            code.const_int(0, 2).new_array(1, 0, "[B").fill_bytes(1, &[7, 8]).sput(1, APP, "IV", "[B").return_void();
        });
        class.static_method("main", "()V", 1, |code| {
            code.sget(0, APP, "IV", "[B");
            sink(code, 0);
        });
    });
    assert_eq!(values.single(), Some(&Value::Bytes([7, 8].as_slice().into())));
}

#[test]
fn builders_are_put_together() {
    let chain = in_code(|code| {
        code.new_object(0, BUILDER, "()V", &[]).const_string(1, "AES");
        code.invoke_virtual(BUILDER, "append", APPEND, &[0, 1]).move_result_object(0).const_string(1, "/ECB/");
        code.invoke_virtual(BUILDER, "append", APPEND, &[0, 1]).move_result_object(0).const_int(1, 7);
        code.invoke_virtual(BUILDER, "append", "(I)Ljava/lang/StringBuilder;", &[0, 1]);
        code.invoke_virtual(BUILDER, "toString", "()Ljava/lang/String;", &[0]).move_result_object(2);
        sink(code, 2);
    });
    assert_eq!(texts(&chain), ["AES/ECB/7"]);
    let partly = found(|class| {
        class.static_method("main", "(Ljava/lang/String;)V", 4, |code| {
            code.const_string(1, "SELECT ").new_object(0, BUILDER, "(Ljava/lang/String;)V", &[1]);
            code.invoke_virtual(BUILDER, "append", APPEND, &[0, 3]).move_result_object(0);
            code.invoke_virtual(BUILDER, "toString", "()Ljava/lang/String;", &[0]).move_result_object(2);
            sink(code, 2);
        });
    });
    let Some(Value::Concat(parts)) = partly.single() else { panic!("{partly:?}") };
    assert_eq!(parts[0].texts().collect::<Vec<_>>(), ["SELECT "]);
    assert_eq!(parts[1].single(), Some(&Value::Parameter(0)));
}

#[test]
fn a_builder_in_a_branch_is_not_constant() {
    let values = in_code(|code| {
        code.new_object(0, BUILDER, "()V", &[]).const_string(1, "a").invoke_virtual(BUILDER, "append", APPEND, &[0, 1]);
        code.sget(2, "Lb/B;", "flag", "Z").if_eqz(2, "skip");
        code.invoke_virtual(BUILDER, "append", APPEND, &[0, 1]);
        code.label("skip").invoke_virtual(BUILDER, "toString", "()Ljava/lang/String;", &[0]).move_result_object(3);
        sink(code, 3);
    });
    assert!(matches!(values.single(), Some(Value::Concat(_))), "{values:?}");
    assert!(!values.is_derived_from_constants());
}

#[test]
fn library_calls_are_folded_or_kept_with_their_arguments() {
    let bytes = in_code(|code| {
        code.const_string(0, "key").invoke_virtual(STRING, "getBytes", "()[B", &[0]).move_result_object(1);
        sink(code, 1);
    });
    assert_eq!(bytes.single(), Some(&Value::Bytes(b"key".as_slice().into())));
    let decoded = in_code(|code| {
        code.const_string(0, "aGVsbG8=").const_int(1, 0);
        code.invoke_static("Landroid/util/Base64;", "decode", "(Ljava/lang/String;I)[B", &[0, 1]).move_result_object(2);
        sink(code, 2);
    });
    assert_eq!(decoded.single(), Some(&Value::Bytes(b"hello".as_slice().into())));
    let spec = in_code(|code| {
        code.const_string(0, "AES").const_int(1, 16).new_array(2, 1, "[B");
        code.new_object(3, "Ljavax/crypto/spec/SecretKeySpec;", "([BLjava/lang/String;)V", &[2, 0]);
        sink(code, 3);
    });
    let Some(Value::New { arguments, .. }) = spec.single() else { panic!("{spec:?}") };
    assert!(arguments[0].is_constant() && arguments[1].texts().eq(["AES"]), "{spec:?}");
    assert!(spec.is_derived_from_constants());
    let call = in_code(|code| {
        code.const_string(0, "42").invoke_static("Lb/B;", "odd", "(Ljava/lang/String;)Ljava/lang/String;", &[0]);
        code.move_result_object(1);
        sink(code, 1);
    });
    assert!(matches!(call.single(), Some(Value::Call { .. })), "{call:?}");
    assert!(call.is_derived_from_constants() && !call.is_constant());
}

#[test]
fn work_is_bounded() {
    // Each helper calls the next one twice, which is 2^20 ways through.
    let values = found(|class| {
        for level in 0..20 {
            class.static_method(&format!("f{level}"), "()Ljava/lang/String;", 3, |code| {
                let next = format!("f{}", level + 1);
                code.invoke_static(APP, &next, "()Ljava/lang/String;", &[]).move_result_object(0);
                code.invoke_static(APP, &next, "()Ljava/lang/String;", &[]).move_result_object(1);
                code.sget(2, "Lb/B;", "flag", "Z").if_eqz(2, "other").return_object(0);
                code.label("other").return_object(1);
            });
        }
        class.static_method("main", "()V", 1, |code| {
            code.invoke_static(APP, "f0", "()Ljava/lang/String;", &[]).move_result_object(0);
            sink(code, 0);
        });
    });
    assert!(!values.is_constant());
}

#[test]
fn maps_and_boxes_are_looked_into() {
    let put = "(Ljava/lang/Object;Ljava/lang/Object;)Ljava/lang/Object;";
    let values = in_code(|code| {
        code.new_object(0, "Ljava/util/HashMap;", "()V", &[]);
        for (key, number) in [("weak", 20), ("strong", 90_000), ("other", 7)] {
            code.const_string(1, key).const_int(3, number).new_object(2, "Ljava/lang/Integer;", "(I)V", &[3]);
            code.invoke_interface("Ljava/util/Map;", "put", put, &[0, 1, 2]);
        }
        code.const_string(1, "strong");
        code.invoke_interface("Ljava/util/Map;", "get", "(Ljava/lang/Object;)Ljava/lang/Object;", &[0, 1]);
        code.move_result_object(4).check_cast(4, "Ljava/lang/Integer;");
        code.invoke_virtual("Ljava/lang/Integer;", "intValue", "()I", &[4]).move_result(4);
        sink(code, 4);
    });
    assert_eq!(values.ints().collect::<Vec<_>>(), [90_000]);
}

#[test]
fn fields_are_followed_through_constructors() {
    let values = found_in(
        &kit::Dex::new()
            .class("La/Vault;", |class| {
                class.field("mode", STRING);
                class.constructor("(Ljava/lang/String;)V", 2, |code| {
                    code.invoke_direct("Ljava/lang/Object;", "<init>", "()V", &[0]);
                    code.iput(1, 0, "La/Vault;", "mode", STRING).return_void();
                });
                class.method("lock", "()V", 2, |code| {
                    code.iget(0, 1, "La/Vault;", "mode", STRING);
                    sink(code, 0);
                });
            })
            .class(APP, |class| {
                class.static_method("main", "()V", 2, |code| {
                    code.const_string(0, "ECB").new_object(1, "La/Vault;", "(Ljava/lang/String;)V", &[0]).return_void();
                });
            }),
    );
    assert_eq!(texts(&values), ["ECB"]);
}
