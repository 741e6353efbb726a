//! Several executables as one program: ids, hierarchy, uses, reachability.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use testudo_testkit::package::dex as kit;

use super::*;
use crate::dex::Opcode;

/// Two executables: an activity with a helper, and a library.
fn two() -> (Vec<u8>, Vec<u8>) {
    let app = kit::Dex::new()
        .class("Lcom/example/Main;", |class| {
            class.extends("Landroid/app/Activity;").source("Main.java");
            class.default_constructor();
            class.method("onCreate", "(Landroid/os/Bundle;)V", 4, |code| {
                code.line(7).const_string(0, "prefs").const_int(1, 0);
                code.invoke_virtual(
                    "Lcom/example/Main;",
                    "getSharedPreferences",
                    "(Ljava/lang/String;I)Landroid/content/SharedPreferences;",
                    &[2, 0, 1],
                );
                code.new_object(0, "Llib/Impl;", "()V", &[]);
                code.invoke_interface("Llib/Api;", "work", "()V", &[0]).return_void();
            });
            class
                .method("unused", "()V", 1, |code| {
                    code.return_void();
                })
                .access(kit::access::PRIVATE);
        })
        .build();
    let library = kit::Dex::new()
        .class("Llib/Api;", |class| {
            class.interface_type().abstract_method("work", "()V");
        })
        .class("Llib/Base;", |class| {
            class.default_constructor();
            class.method("work", "()V", 2, |code| {
                code.const_string(0, "lib.Named");
                code.invoke_static("Ljava/lang/Class;", "forName", "(Ljava/lang/String;)Ljava/lang/Class;", &[0]);
                code.return_void();
            });
        })
        .class("Llib/Impl;", |class| {
            class.extends("Llib/Base;").implements("Llib/Api;").default_constructor();
        })
        .class("Llib/Other;", |class| {
            class.implements("Llib/Api;").default_constructor();
            class.method("work", "()V", 1, |code| {
                code.return_void();
            });
        })
        .class("Llib/Named;", |class| {
            class.default_constructor();
            class.method("byName", "()V", 1, |code| {
                code.return_void();
            });
        })
        .build();
    (app, library)
}

fn with<T>(check: impl FnOnce(&Program<'_>) -> T) -> T {
    let (app, library) = two();
    let program = Program::new(vec![Dex::parse(&app).unwrap(), Dex::parse(&library).unwrap()]);
    assert_eq!(program.anomalies(), []);
    check(&program)
}

fn definition(program: &Program<'_>, signature: &str) -> DefinitionId {
    let found = program.definitions().find(|(_, one)| program.signature(one.method) == signature);
    found.unwrap_or_else(|| panic!("`{signature}` is not defined")).0
}

#[test]
fn ids_count_over_all_executables_in_the_order_of_the_text() {
    with(|program| {
        let api = program.find_type("Llib/Api;").unwrap();
        assert_eq!(program.descriptor(api).decode(), "Llib/Api;");
        assert!(program.class_of(api).is_some(), "defined in the second");
        let used = program.units().iter().filter(|unit| unit.types.contains(&api)).count();
        assert_eq!(used, 2, "one id for both");
        assert!(program.strings().zip(program.strings().skip(1)).all(|(one, other)| one.1 < other.1));
        assert_eq!(program.find_string("never written"), None);
    });
}

#[test]
fn the_hierarchy_reaches_into_the_platform() {
    with(|program| {
        let of = |descriptor| program.find_type(descriptor).unwrap();
        assert!(program.is_subtype(of("Lcom/example/Main;"), of("Landroid/content/Context;")));
        assert!(program.is_subtype(of("Llib/Impl;"), of("Llib/Api;")));
        assert!(!program.is_subtype(of("Llib/Base;"), of("Llib/Api;")));
        assert!(program.descendants(of("Landroid/app/Activity;")).contains(&of("Lcom/example/Main;")));
    });
}

#[test]
fn calls_are_resolved_through_superclasses_and_to_all_candidates() {
    with(|program| {
        let of = |descriptor| program.find_type(descriptor).unwrap();
        let name = program.find_string("work").unwrap();
        let call = program.methods_of(of("Llib/Api;")).find(|(_, key)| key.name == name).unwrap().1;
        let found = program.lookup(of("Llib/Impl;"), name, call.proto).unwrap();
        assert_eq!(found, definition(program, "Llib/Base;->work()V"));
        let all = [definition(program, "Llib/Base;->work()V"), definition(program, "Llib/Other;->work()V")];
        assert_eq!(program.candidates(call), all);
    });
}

#[test]
fn uses_are_found_by_the_type_that_declares_the_method() {
    with(|program| {
        let mut wanted = Wanted::new();
        wanted.method("Landroid/content/Context;", "getSharedPreferences").strings();
        wanted.type_of("Llib/Impl;");
        let index = Index::new(program, &wanted);
        let site = index.calls("Landroid/content/Context;", "getSharedPreferences").next().unwrap();
        assert_eq!(program.line(site.caller, site.pc), Some(7));
        let caller = program.definition(site.caller).unwrap();
        assert_eq!(program.signature(caller.method), "Lcom/example/Main;->onCreate(Landroid/os/Bundle;)V");
        let class = program.class(caller.class).unwrap();
        assert_eq!(program.source(class).unwrap().decode(), "Main.java");
        let uses = index.strings(program.find_string("lib.Named").unwrap());
        assert_eq!(uses.len(), 1);
        let made = index.types(program.find_type("Llib/Impl;").unwrap());
        assert_eq!(made.iter().map(|site| site.opcode).collect::<Vec<_>>(), [Opcode::NEW_INSTANCE]);
        assert_eq!(index.calls("Landroid/util/Log;", "d").count(), 0);
    });
}

#[test]
fn one_string_is_found_without_all_others() {
    with(|program| {
        let begun: Vec<_> = program.strings_starting("lib.").collect();
        assert_eq!(begun, [program.find_string("lib.Named").unwrap()]);
        assert_eq!(program.strings_starting("lib.Nobody").count(), 0);
        let mut wanted = Wanted::new();
        wanted.string(begun[0]);
        let index = Index::new(program, &wanted);
        let work = definition(program, "Llib/Base;->work()V");
        assert_eq!(index.strings(begun[0]).iter().map(|site| site.caller).collect::<Vec<_>>(), [work]);
        assert_eq!(index.strings(program.find_string("prefs").unwrap()), []);
    });
}

#[test]
fn annotated_methods_are_found() {
    let bytes = kit::Dex::new()
        .class("La/Bridge;", |class| {
            class
                .method("post", "()V", 1, |code| {
                    code.return_void();
                })
                .annotate(kit::Annotation::runtime("Landroid/webkit/JavascriptInterface;"));
            class.method("hidden", "()V", 1, |code| {
                code.return_void();
            });
        })
        .build();
    let program = Program::new(vec![Dex::parse(&bytes).unwrap()]);
    let found = program.annotated("Landroid/webkit/JavascriptInterface;");
    assert_eq!(found, [definition(&program, "La/Bridge;->post()V")]);
    assert_eq!(program.annotated("La/Other;"), []);
}

#[test]
fn a_call_that_the_program_overrides_is_its_own() {
    let bytes = kit::Dex::new()
        .class("Lcom/example/Own;", |class| {
            class.extends("Landroid/webkit/WebView;");
            class.method("loadUrl", "(Ljava/lang/String;)V", 2, |code| {
                code.invoke_super("Landroid/webkit/WebView;", "loadUrl", "(Ljava/lang/String;)V", &[0, 1])
                    .return_void();
            });
            class.method("go", "()V", 2, |code| {
                code.const_string(0, "x");
                code.invoke_virtual("Lcom/example/Own;", "loadUrl", "(Ljava/lang/String;)V", &[1, 0]).return_void();
            });
        })
        .build();
    let program = Program::new(vec![Dex::parse(&bytes).unwrap()]);
    let sites = program.calls("Landroid/webkit/WebView;", "loadUrl");
    let opcodes: Vec<_> = sites.iter().map(|site| site.opcode).collect();
    assert_eq!(opcodes, [Opcode::INVOKE_SUPER]);
}

#[test]
fn reachability_follows_calls_instances_and_names() {
    with(|program| {
        let reach = Reach::new(program, Entries::new().class("Lcom/example/Main;"));
        assert!(reach.is_complete());
        for signature in [
            "Lcom/example/Main;->onCreate(Landroid/os/Bundle;)V",
            "Lcom/example/Main;-><init>()V",
            "Llib/Impl;-><init>()V",
            "Llib/Base;->work()V",
            "Llib/Named;->byName()V",
        ] {
            assert!(reach.contains(definition(program, signature)), "{signature}");
        }
        for signature in ["Lcom/example/Main;->unused()V", "Llib/Other;->work()V"] {
            assert!(!reach.contains(definition(program, signature)), "{signature}");
        }
        assert_eq!(Reach::new(program, &Entries::new()).count(), 0);
    });
}

#[test]
fn static_initialisers_threads_and_handlers_are_reached() {
    let bytes = kit::Dex::new()
        .class("La/Main;", |class| {
            class.extends("Landroid/app/Activity;").default_constructor();
            class.method("onResume", "()V", 3, |code| {
                code.sget(0, "La/Holder;", "VALUE", "I");
                code.new_object(0, "La/Job;", "()V", &[]);
                code.new_object(1, "Ljava/lang/Thread;", "(Ljava/lang/Runnable;)V", &[0]).return_void();
            });
        })
        .class("La/Holder;", |class| {
            class.static_field("VALUE", "I");
            class.static_initializer(1, |code| {
                code.invoke_static("La/Holder;", "load", "()V", &[]).return_void();
            });
            class.static_method("load", "()V", 0, |code| {
                code.return_void();
            });
        })
        .class("La/Job;", |class| {
            class.implements("Ljava/lang/Runnable;").default_constructor();
            class.method("run", "()V", 1, |code| {
                code.return_void();
            });
        })
        .class("La/Screen;", |class| {
            class.default_constructor();
            class.method("clicked", "(Landroid/view/View;)V", 2, |code| {
                code.return_void();
            });
        })
        .build();
    let program = Program::new(vec![Dex::parse(&bytes).unwrap()]);
    let mut entries = Entries::new();
    entries.class("La/Main;").class("La/Screen;");
    let clicked = definition(&program, "La/Screen;->clicked(Landroid/view/View;)V");
    let reach = Reach::new(&program, &entries);
    assert!(reach.contains(definition(&program, "La/Holder;->load()V")));
    assert!(reach.contains(definition(&program, "La/Job;->run()V")));
    assert!(!reach.contains(clicked));
    assert!(Reach::new(&program, entries.handler("clicked")).contains(clicked));
}

#[test]
fn the_first_definition_holds_and_circles_end() {
    let circle = kit::Dex::new()
        .class("La/A;", |class| {
            class.extends("La/B;");
            class.constant("WHICH", "I", kit::Value::Int(1));
        })
        .class("La/B;", |class| {
            class.extends("La/A;").implements("La/B;");
        })
        .build();
    let second = kit::Dex::new()
        .class("La/A;", |class| {
            class.constant("WHICH", "I", kit::Value::Int(2));
        })
        .build();
    let program = Program::new(vec![Dex::parse(&circle).unwrap(), Dex::parse(&second).unwrap()]);
    assert!(matches!(program.anomalies(), [Anomaly::Duplicate { .. }]), "{:?}", program.anomalies());
    let a = program.find_type("La/A;").unwrap();
    assert_eq!(program.ancestors(a).len(), 2);
    assert_eq!(program.descendants(a).len(), 2);
    assert!(program.superclasses(a).count() <= 64);
    let class = program.class(program.class_of(a).unwrap()).unwrap();
    let value = program.initial_value(&program.fields_in(class)[0]);
    assert!(matches!(value, Some(crate::dex::EncodedValue::Int(1))), "{value:?}");
    let reach = Reach::new(&program, Entries::new().class("La/A;"));
    assert!(reach.is_live(program.class_of(a).unwrap()));
}
