//! The engine over code: what a finding tells, whose code it is, what is bounded, and which conditions are refused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use testudo_package::dex::Dex;
use testudo_package::program::{Entries, Program, Reach};
use testudo_scan::code::{Checked, Context, check};
use testudo_scan::report::{Finding, Origin};
use testudo_scan::rule::RulePack;
use testudo_testkit::package::dex as kit;

const CIPHER: &str = "Ljavax/crypto/Cipher;";
const GET: &str = "(Ljava/lang/String;)Ljavax/crypto/Cipher;";

/// A method that asks for a cipher by a text.
fn asks(class: &mut kit::Class, name: &str, text: &str) {
    class.source("Vault.kt").static_method(name, "()V", 1, |code| {
        code.line(41).const_string(0, text).line(42).invoke_static(CIPHER, "getInstance", GET, &[0]).return_void();
    });
}

fn run(dexes: &[Vec<u8>], libraries: &[(&str, &str)]) -> Checked {
    let program = Program::new(dexes.iter().map(|bytes| Dex::parse(bytes).unwrap()).collect());
    let mut entries = Entries::new();
    entries.class("Lcom/example/app/Main;").handler("open");
    let reach = Reach::new(&program, &entries);
    let files = ["classes.dex".to_owned(), "classes2.dex".to_owned()];
    let context = Context { package: Some("com.example.app"), files: &files, libraries, ..Context::default() };
    check(&program, Some(&reach), &RulePack::builtin().unwrap(), &context)
}

fn of_rule<'c>(checked: &'c Checked, rule: &str) -> Vec<&'c Finding> {
    checked.findings.iter().filter(|finding| finding.rule.as_str() == rule).collect()
}

#[test]
fn a_finding_tells_where_whose_and_what() {
    let first = kit::Dex::new().class("Lcom/example/app/Main;", |class| {
        class.method("open", "()V", 1, |code| {
            code.invoke_static("Lcom/acme/sdk/Vault;", "lock", "()V", &[]).return_void();
        });
    });
    let second = kit::Dex::new()
        .class("Lcom/acme/sdk/Vault;", |class| asks(class, "lock", "AES/ECB/PKCS5Padding"))
        .class("Lcom/other/Vault;", |class| asks(class, "unused", "AES"));
    let checked = run(&[first.build(), second.build()], &[("Lcom/acme/sdk/", "Acme SDK")]);
    assert!(checked.complete && checked.cut.is_empty());
    insta::assert_json_snapshot!("places", of_rule(&checked, "crypto-ecb-mode"));
}

#[test]
fn a_value_from_elsewhere_is_told_with_its_place() {
    let dex = kit::Dex::new()
        .class("Lcom/example/app/Main;", |class| {
            class.source("Main.kt").method("open", "()V", 1, |code| {
                code.line(7).const_string(0, "AES/ECB/NoPadding");
                code.line(8)
                    .invoke_static("Lcom/example/app/Vault;", "lock", "(Ljava/lang/String;)V", &[0])
                    .return_void();
            });
        })
        .class("Lcom/example/app/Vault;", |class| {
            class.source("Vault.kt").static_method("lock", "(Ljava/lang/String;)V", 1, |code| {
                code.line(3).invoke_static(CIPHER, "getInstance", GET, &[0]).return_void();
            });
        });
    let checked = run(&[dex.build()], &[]);
    let [finding] = of_rule(&checked, "crypto-ecb-mode")[..] else { panic!("{:?}", checked.findings) };
    insta::assert_json_snapshot!("flow", (&finding.place, &finding.evidence, &finding.flow));
}

#[test]
fn two_runs_say_the_same_in_one_order() {
    let names = ["Lcom/example/app/Z;", "Landroidx/core/A;", "Lcom/example/app/A;"];
    let dex = names.iter().fold(kit::Dex::new(), |dex, name| dex.class(name, |class| asks(class, "lock", "AES")));
    let bytes = [dex.build()];
    let (one, other) = (run(&bytes, &[]), run(&bytes, &[]));
    assert_eq!(one.findings, other.findings);
    let origins: Vec<_> = of_rule(&one, "crypto-ecb-mode").iter().map(|finding| finding.origin.clone()).collect();
    assert_eq!(origins, [Origin::Own, Origin::Own, Origin::Library("AndroidX".to_owned())], "own code comes first");
}

#[test]
fn a_rule_tells_so_much_and_no_more() {
    let dex = kit::Dex::new().class("Lcom/example/app/Main;", |class| {
        (0..250).for_each(|number| asks(class, &format!("lock{number}"), "AES"));
    });
    let checked = run(&[dex.build()], &[]);
    assert_eq!(of_rule(&checked, "crypto-ecb-mode").len(), 200);
    let cut: Vec<_> = checked.cut.iter().map(|(rule, more)| (rule.as_str(), *more)).collect();
    assert_eq!(cut, [("crypto-ecb-mode", 50)]);
}

#[test]
fn a_library_is_no_reason_to_believe_the_app_guards_itself() {
    let app = |class: &mut kit::Class| {
        class.extends("Landroid/app/Activity;").method("onCreate", "(Landroid/os/Bundle;)V", 2, |code| {
            code.return_void();
        });
    };
    let asks = |class: &mut kit::Class| {
        class.static_method("debugged", "()V", 1, |code| {
            code.invoke_static("Landroid/os/Debug;", "isDebuggerConnected", "()Z", &[]).return_void();
        });
    };
    let library = kit::Dex::new().class("Lcom/example/app/Main;", app).class("Landroidx/core/Debug;", asks);
    assert_eq!(of_rule(&run(&[library.build()], &[]), "resilience-no-debugger-detection").len(), 1);
    let own = kit::Dex::new().class("Lcom/example/app/Main;", app).class("Lcom/example/app/Debug;", asks);
    assert_eq!(of_rule(&run(&[own.build()], &[]), "resilience-no-debugger-detection").len(), 0);
}

/// Thousands of large arrays and of long texts that are put together come to an end soon, and are told as not complete.
#[test]
fn a_program_that_is_made_to_be_slow_is_given_up() {
    let dex = kit::Dex::new().class("Lcom/example/app/Main;", |class| {
        for number in 0..8 {
            class.static_method(&format!("lock{number}"), "()V", 4, |code| {
                for _ in 0..2000 {
                    code.const_int(0, 4096).new_array(0, 0, "[B");
                    code.new_object(1, "Ljavax/crypto/spec/IvParameterSpec;", "([B)V", &[0]);
                }
                code.return_void();
            });
        }
    });
    let checked = run(&[dex.build()], &[]);
    assert!(!checked.complete);
}

/// Every byte of a program, changed, gives findings or a refusal, and no panic.
#[test]
fn broken_programs_are_asked_without_harm() {
    let dex = kit::Dex::new().class("Lcom/example/app/Main;", |class| {
        asks(class, "lock", "AES");
        class.implements("Ljavax/net/ssl/X509TrustManager;").method(
            "checkServerTrusted",
            "([Ljava/security/cert/X509Certificate;Ljava/lang/String;)V",
            3,
            |code| {
                code.return_void();
            },
        );
    });
    let bytes = dex.build();
    let pack = RulePack::builtin().unwrap();
    for at in (0..bytes.len()).step_by(3) {
        for value in [0x00, 0xff, bytes[at].wrapping_add(1)] {
            let mut broken = bytes.clone();
            broken[at] = value;
            if let Ok(dex) = Dex::parse(&broken) {
                check(&Program::new(vec![dex]), None, &pack, &Context::default());
            }
        }
    }
}

const CONDITION: &str = r#"
[[rule]]
id = "crypto-ecb-mode"
title = "Data is encrypted in ECB mode"
cwe = "CWE-327"
masvs = ["MASVS-CRYPTO-1"]
maswe = ["MASWE-0020"]
mastg = ["MASTG-TEST-0232"]
cvss = "CVSS:4.0/AV:L/AC:L/AT:N/PR:N/UI:N/VC:H/VI:L/VA:N/SC:N/SI:N/SA:N"
what = "`Cipher.getInstance` is asked for `AES`."
why = "Patterns show."
fix.text = "Use AES-GCM."
references = ["https://developer.android.com/privacy-and-security/cryptography"]

[[code]]
rule = "crypto-ecb-mode"
find.call = "Ljavax/crypto/Cipher;->getInstance"
find.arguments = [{ at = 0, is = "text", text = ["AES", "AES/ECB*"] }]
without = [{ string = "AES/GCM*", within = "class" }]
confidence = "high"
"#;

#[test]
fn wrong_conditions_are_refused_with_place_and_remedy() {
    RulePack::read([("crypto.toml", CONDITION)]).unwrap();
    let changes = [
        ("find.call", "find.cal"),
        ("Ljavax/crypto/Cipher;->getInstance", "javax.crypto.Cipher.getInstance"),
        ("Ljavax/crypto/Cipher;->getInstance", "Ljavax/crypto/Cipher->getInstance"),
        ("find.call = ", "find.string = "),
        ("find.call = ", "find.field = \"La/B;->c\"\nfind.call = "),
        ("at = 0, is", "is"),
        ("is = \"text\", text = [\"AES\", \"AES/ECB*\"]", ""),
        ("is = \"text\"", "is = \"txet\""),
        ("[\"AES\", \"AES/ECB*\"]", "[]"),
        ("string = \"AES/GCM*\"", "string = \"AES/*/NoPadding\""),
        (", within = \"class\"", ""),
        ("within = \"class\"", "within = \"klass\""),
        ("confidence = \"high\"\n", ""),
        ("confidence = \"high\"\n", "confidence = \"high\"\nmissing = true\n"),
        ("find.arguments", "find.body = { never-throws = true }\nfind.arguments"),
        ("rule = \"crypto-ecb-mode\"", "rule = \"crypto-ecb-mod\""),
    ];
    let told: Vec<String> = changes
        .iter()
        .map(|(from, to)| {
            assert!(CONDITION.contains(from), "{from}");
            RulePack::read([("crypto.toml", CONDITION.replace(from, to).as_str())]).unwrap_err().to_string()
        })
        .collect();
    insta::assert_snapshot!("refusals", told.join("\n"));
}
