//! Which rules match: reads requests from stdin, and writes the ids of the rules that matched, to compare engines.
//!
//! `TESTUDO_CRS=<rule set> ids suite|level1|allowed <requests >ids`. The requests are in the format of
//! `tests/support/wire.rs`, which the example `generate` writes. For each there is a line: its name, the ids in order
//! without repeats, and `!403` at the end when it was stopped with that status. `suite` is detection at paranoia level 4;
//! `level1` blocks at level 1, and `allowed` too, with the methods and content types of the benign corpus. A second
//! argument, `rules`, writes the configuration instead, for the other engine; `show` adds what matched.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a tool for those who work on the engine"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::io::BufReader;

use support::drive::run_with;
use support::rules::{ALLOWED, BASE, SUITE, corpus, crs, program, waf};
use support::wire::Exchange;
use testudo_waf::Options;

/// As libmodsecurity has it, whether it is asked for or not.
const WHOLE: &str = "SecAction \"id:900006,phase:1,nolog,pass,ctl:forceRequestBodyVariable=On\"\n";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let word = |number: usize| arguments.get(number).map(String::as_str);
    let settings = match word(0) {
        Some("suite") => &format!("{SUITE}{WHOLE}"),
        Some("level1") => "",
        Some("allowed") => ALLOWED,
        _ => panic!("`suite`, `level1` or `allowed`"),
    };
    let Some(crs) = crs() else { return };
    if word(1) == Some("rules") {
        let map = corpus("crs/base").unwrap();
        println!("{BASE}\nSecUnicodeMapFile {}/unicode.mapping 20127", map.display());
        println!("Include {}/crs-setup.conf.example\n{settings}", crs.display());
        // It says `noauditlog`, with which libmodsecurity logs nothing.
        println!("Include {}/rules/*.conf\nSecRuleUpdateActionById 980170 \"auditlog\"", crs.display());
        return;
    }
    let waf = waf(program(&crs, BASE, settings), Options::default());
    let mut input = BufReader::new(std::io::stdin().lock());
    while let Some(exchange) = Exchange::read(&mut input) {
        let outcome = run_with(&waf, &exchange.request, Some(&exchange.response));
        let mut line = exchange.name;
        line.extend(outcome.ids.iter().map(|id| format!(" {id}")));
        line.extend(outcome.intervention.map(|_| format!(" !{}", outcome.status)));
        println!("{line}");
        for (id, variable, value, data) in outcome.matches.iter().filter(|_| word(1) == Some("show")) {
            println!("  {id} {variable} {} | {}", value.escape_ascii(), data.escape_ascii());
        }
    }
}
