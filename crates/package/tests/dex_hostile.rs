//! Executables that were changed at random: whatever they say, every reader and analysis comes to an end without a panic.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use testudo_package::dex::{Dex, Member};
use testudo_package::program::{Constants, Entries, Index, Program, Reach, Wanted};
use testudo_testkit::package::dex as kit;

const MAIN: &str = "La/Main;";

fn sample(version: u32) -> Vec<u8> {
    let dex = kit::Dex::new().version(version);
    let dex = dex.class("La/Base;", |class| {
        class.default_constructor();
        class.method("work", "(I[J)Ljava/lang/String;", 5, |code| {
            code.const_string(0, "text").return_object(0);
        });
    });
    dex.class(MAIN, |class| {
        class.extends("La/Base;").implements("Ljava/lang/Runnable;").source("Main.java");
        class.annotate(kit::Annotation::runtime("La/Mark;").with("of", kit::Value::Array(vec![kit::Value::Int(4)])));
        class.constant("KEY", "Ljava/lang/String;", kit::Value::string("0123456789abcdef"));
        class.field("held", "[B");
        class.constructor("()V", 4, |code| {
            code.const_int(0, 4).new_array(1, 0, "[B").fill_bytes(1, &[1, 2, 3, 4]).iput(1, 3, MAIN, "held", "[B");
            code.return_void();
        });
        class.method("run", "()V", 8, |code| {
            code.line(3).sget(0, MAIN, "KEY", "Ljava/lang/String;").iget(1, 7, MAIN, "held", "[B");
            code.protect(&[("Ljava/lang/Exception;", "caught"), ("*", "caught")], |code| {
                code.new_object(2, "Ljava/lang/StringBuilder;", "()V", &[]);
                code.invoke_virtual(
                    "Ljava/lang/StringBuilder;",
                    "append",
                    "(Ljava/lang/String;)Ljava/lang/StringBuilder;",
                    &[2, 0],
                );
                code.move_result_object(2);
                code.invoke_virtual("Ljava/lang/StringBuilder;", "toString", "()Ljava/lang/String;", &[2]);
                code.move_result_object(3);
            });
            code.label("again").line(9).packed_switch(4, 0, &["again", "end"]).sparse_switch(4, &[(9, "end")]);
            code.invoke_static("Lsink/Sink;", "take", "(Ljava/lang/String;[B)V", &[3, 1]).goto("again");
            code.label("caught").move_exception(5).throw(5);
            code.label("end").return_void();
        });
    })
    .build()
}

/// Everything that a scan does with an executable.
fn exercise(bytes: &[u8]) {
    let (dexes, error) = Dex::parse_all(bytes);
    black_box(error.map(|error| error.to_string()));
    for dex in &dexes {
        black_box(dex.integrity());
        for (_, class) in dex.classes().take(64) {
            black_box(dex.static_values(&class).map(|values| values.take(1000).count()).is_ok());
            if let Ok(annotations) = dex.annotations(&class) {
                let sets = annotations.class().into_iter().chain(annotations.methods().flatten().map(|one| one.1));
                black_box(
                    sets.take(100).flatten().flatten().map(|item| item.annotation.take(100).count()).sum::<usize>(),
                );
            }
            for member in dex.class_data(&class).into_iter().flatten().flatten().take(100) {
                let Member::Method(method) = member else { continue };
                let Ok(code) = dex.code(method.code) else { continue };
                black_box(code.instructions().count() + code.references().count());
                black_box(code.tries().map(|range| code.handlers(range).take(100).count()).sum::<usize>());
                black_box(dex.lines(code.debug).map(Iterator::count).is_ok());
            }
        }
    }
    let program = Program::new(dexes);
    black_box(program.anomalies().iter().map(|anomaly| anomaly.to_string().len()).sum::<usize>());
    let mut index = Index::new(&program, Wanted::new().method("Lsink/Sink;", "take").strings().field(MAIN, "held"));
    index.add_callers(&program);
    black_box(Reach::new(&program, Entries::new().class(MAIN)).count());
    let constants = Constants::new(&program, Some(&index));
    for site in index.calls("Lsink/Sink;", "take").take(20) {
        black_box((constants.arguments(site), constants.receiver(site), program.line(site.caller, site.pc)));
    }
}

/// Xorshift (Marsaglia 2003), so that every run changes the same.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }
}

fn mutate(bytes: &mut Vec<u8>, chance: &mut Chance) {
    const EDGES: [u32; 8] = [0, 1, 0x70, 0xff, 0xffff, 0x7fff_ffff, 0xffff_fff0, u32::MAX];
    for _ in 0..=chance.below(6) {
        let at = chance.below(bytes.len());
        match chance.below(6) {
            0 => bytes[at] = u8::try_from(chance.below(256)).unwrap(),
            1 => bytes[at] ^= 1 << chance.below(8),
            2 => bytes.truncate(at.max(0x70)),
            3 => {
                let from = chance.below(bytes.len());
                let moved = bytes[from..bytes.len().min(from + 8)].to_vec();
                let end = bytes.len().min(at + moved.len());
                bytes[at..end].copy_from_slice(&moved[..end - at]);
            }
            _ => {
                let at = at & !3;
                if let Some(word) = bytes.get_mut(at..at + 4) {
                    word.copy_from_slice(&EDGES[chance.below(EDGES.len())].to_le_bytes());
                }
            }
        }
    }
}

#[test]
fn changed_executables_are_read_to_an_end() {
    // `TESTUDO_MUTATIONS` asks for more than the two seconds that every run takes.
    let wanted = std::env::var("TESTUDO_MUTATIONS").ok().and_then(|count| count.parse::<u64>().ok());
    let seeds = [sample(35), sample(39), sample(41)];
    for seed in &seeds {
        exercise(seed);
    }
    let (start, mut slowest, mut done) = (Instant::now(), Duration::ZERO, 0);
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    while wanted.map_or(start.elapsed() < Duration::from_secs(2), |wanted| done < wanted) {
        let mut bytes = seeds[chance.below(seeds.len())].clone();
        mutate(&mut bytes, &mut chance);
        let began = Instant::now();
        exercise(&bytes);
        slowest = slowest.max(began.elapsed());
        done += 1;
    }
    assert!(done > 20, "{done} in two seconds");
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    eprintln!("{done} changed executables, the slowest took {slowest:?}");
}

#[test]
fn everything_shared_by_everyone_is_no_work_without_end() {
    // A thousand classes that all point to the data of one with a thousand methods, whose code they share.
    let mut dex = kit::Dex::new().class("La/Big;", |class| {
        for number in 0..1000 {
            class.static_method(&format!("m{number}"), "()V", 1, |code| {
                for _ in 0..50 {
                    code.const_string(0, "text");
                }
                code.return_void();
            });
        }
    });
    for number in 0..1000 {
        dex = dex.class(&format!("Lb/C{number};"), |class| {
            class.default_constructor();
        });
    }
    let mut bytes = dex.build();
    let word = |bytes: &[u8], at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let (count, table) = (word(&bytes, 96) as usize, word(&bytes, 100) as usize);
    let data: Vec<u32> = (0..count).map(|at| word(&bytes, table + at * 32 + 24)).collect();
    let big = *data.iter().max_by_key(|offset| data.iter().filter(|other| other > offset).count()).unwrap();
    for at in 0..count {
        bytes[table + at * 32 + 24..][..4].copy_from_slice(&big.to_le_bytes());
    }
    let began = Instant::now();
    let program = Program::new(vec![Dex::parse(&bytes).unwrap()]);
    let shared = program.anomalies().iter().filter(|one| matches!(one, testudo_package::dex::Anomaly::Shared { .. }));
    assert!(shared.count() > 0);
    assert!(program.definition_count() <= 2001);
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}
