//! What a method does as a whole: what it returns, whether it can refuse, what it calls.

use testudo_package::dex::{MethodIndex, Opcode, TypeIndex};
use testudo_package::program::{Constants, DefinitionId, MethodId, Program, Site, Value};

use super::condition::{Body, Returned};
use super::judge::Judge;
use super::pattern::Member;

/// How deep calls are followed to see whether they can refuse.
const MAX_DEPTH: u32 = 3;

/// Whether a method does what a rule asks.
pub(super) fn fits(body: &Body, constants: &Constants<'_, '_>, judge: Judge<'_, '_>, method: DefinitionId) -> bool {
    let calls = |members: &[Member]| called(judge.program, method).any(|called| judge.is_one_of(called, members));
    (body.calls.is_empty() || calls(&body.calls))
        && (body.lacks.is_empty() || !calls(&body.lacks))
        && (!body.never_throws || !may_refuse(judge.program, method, 0))
        && body.returns.is_none_or(|returned| returns(constants, method, returned))
}

fn returns(constants: &Constants<'_, '_>, method: DefinitionId, asked: Returned) -> bool {
    let values = constants.returned(method);
    let is = |value: &Value| match asked {
        Returned::True => matches!(value, Value::Int(1)),
        Returned::False => matches!(value, Value::Int(0)),
    };
    !values.traced().is_empty() && values.iter().all(is)
}

/// Whether the `long` that a call gives is cut to an `int` within the next instructions.
pub(super) fn is_narrowed(program: &Program<'_>, site: &Site) -> bool {
    const NEAR: usize = 8;
    let Some(code) = program.code(site.caller) else { return false };
    let mut pc = site.pc;
    let mut result = None;
    for _ in 0..NEAR {
        let Ok(instruction) = code.at(pc) else { return false };
        match (instruction.opcode, result) {
            (Opcode::MOVE_RESULT_WIDE, None) => result = Some(instruction.a),
            (Opcode::LONG_TO_INT, Some(register)) if instruction.b == register => return true,
            (opcode, Some(register)) if opcode.writes_register() && instruction.a == register => return false,
            _ => {}
        }
        pc = instruction.next();
    }
    false
}

fn called(program: &Program<'_>, method: DefinitionId) -> impl Iterator<Item = MethodId> {
    let code = program.code(method).into_iter().flat_map(|code| code.references());
    let unit = program.unit_of(method);
    code.filter(|reference| reference.opcode.is_invoke())
        .filter_map(move |reference| unit?.method(MethodIndex(reference.index)))
}

/// Whether a method can refuse what it is given by an exception. What its own handlers swallow does not count.
fn may_refuse(program: &Program<'_>, method: DefinitionId, depth: u32) -> bool {
    let (Some(code), Some(unit)) = (program.code(method), program.unit_of(method)) else { return true };
    let swallowed: Vec<(u32, u32)> = code
        .tries()
        .take(256)
        .filter(|range| {
            code.handlers(*range).take(64).any(|handler| {
                handler.catches.is_none_or(|of: TypeIndex| {
                    let name = unit.type_of(of).map(|of| program.descriptor(of).decode().into_owned());
                    name.is_some_and(|name| SWALLOWING.contains(&name.as_str()))
                })
            })
        })
        .map(|range| (range.start, range.end))
        .collect();
    for instruction in code.instructions().take(10_000) {
        let Ok(instruction) = instruction else { return true };
        let refuses = match instruction.opcode {
            Opcode::THROW => true,
            opcode if opcode.is_invoke() => {
                let Some(called) = unit.method(MethodIndex(instruction.index)) else { return true };
                call_may_refuse(program, called, depth)
            }
            _ => false,
        };
        if refuses && !swallowed.iter().any(|(start, end)| (*start..*end).contains(&instruction.pc)) {
            return true;
        }
    }
    false
}

fn call_may_refuse(program: &Program<'_>, method: MethodId, depth: u32) -> bool {
    let key = program.method(method);
    let (class, name) = (program.descriptor(key.class), program.string(key.name));
    let (class, name) = (class.decode(), name.decode());
    if HARMLESS.iter().any(|harmless| class.starts_with(harmless)) {
        return matches!((&*class, &*name), ("Ljava/security/cert/X509Certificate;", "verify"));
    }
    match program.lookup(key.class, key.name, key.proto) {
        Some(definition) if depth < MAX_DEPTH => may_refuse(program, definition, depth + 1),
        _ => true,
    }
}

/// Exceptions whose handler swallows what a check of certificates throws.
const SWALLOWING: [&str; 5] = [
    "Ljava/security/cert/CertificateException;",
    "Ljava/security/GeneralSecurityException;",
    "Ljava/lang/Exception;",
    "Ljava/lang/Throwable;",
    "Ljavax/net/ssl/SSLException;",
];

/// Classes whose methods refuse nothing: text, logs, collections. A certificate's dates say nothing about who made it.
const HARMLESS: [&str; 13] = [
    "Landroid/util/Log;",
    "Ljava/lang/String;",
    "Ljava/lang/StringBuilder;",
    "Ljava/lang/Object;",
    "Ljava/lang/Throwable;",
    "Ljava/lang/Exception;",
    "Ljava/io/PrintStream;",
    "Ljava/security/Principal;",
    "Ljava/security/cert/X509Certificate;",
    "Ljavax/security/auth/x500/X500Principal;",
    "Lkotlin/jvm/internal/Intrinsics;",
    "Ljava/util/",
    "Ltimber/log/",
];
