//! Runs the rules over code on a package or an executable: `cargo run --release --example code -- app.apk [rule]`.

use std::process::ExitCode;
use std::time::Instant;

use testudo_package::dex::Dex;
use testudo_package::manifest::Manifest;
use testudo_package::program::{Entries, Program, Reach, names};
use testudo_package::xml::Document;
use testudo_package::zip::{Archive, Limits};
use testudo_scan::code::{Checked, Context, check};
use testudo_scan::report::Origin;
use testudo_scan::rule::RulePack;

type Failure = Box<dyn std::error::Error>;

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "this is what an example is for")]
fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(path) = arguments.next() else {
        eprintln!("usage: code APP.apk|CLASSES.dex [RULE]");
        return ExitCode::from(2);
    };
    match run(&path, arguments.next().as_deref()) {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{path}: {error}");
            ExitCode::from(3)
        }
    }
}

fn run(path: &str, only: Option<&str>) -> Result<String, Failure> {
    let pack = RulePack::builtin()?;
    let bytes = std::fs::read(path)?;
    if bytes.starts_with(b"dex\n") {
        let files = ["classes.dex".to_owned()];
        let context = Context { files: &files, ..Context::default() };
        return analyse(&[&bytes], None, &pack, &context, only);
    }
    let archive = Archive::read(&bytes, Limits::default())?;
    let files: Vec<String> = (1..200)
        .map(|number| if number == 1 { "classes.dex".to_owned() } else { format!("classes{number}.dex") })
        .take_while(|name| archive.find(name).is_some())
        .collect();
    let found = files.iter().filter_map(|name| archive.find(name)).map(|entry| archive.contents(entry));
    let contents = found.collect::<Result<Vec<_>, _>>()?;
    let manifest = archive.find("AndroidManifest.xml").ok_or("there is no manifest")?;
    let manifest = archive.contents(manifest)?;
    let document = Document::read(&manifest.bytes)?;
    let manifest = Manifest::read(&document, None)?;
    let mut entries = Entries::new();
    for component in manifest.components() {
        entries.class(&names::descriptor(&component.name));
    }
    for instrumentation in &manifest.instrumentations {
        entries.class(&names::descriptor(&instrumentation.name));
    }
    let context = Context {
        package: Some(&manifest.package),
        files: &files,
        min_sdk: Some(manifest.min_sdk()),
        target_sdk: Some(manifest.target_sdk()),
        ..Context::default()
    };
    let dexes: Vec<&[u8]> = contents.iter().map(|contents| &*contents.bytes).collect();
    analyse(&dexes, Some(&entries), &pack, &context, only)
}

fn analyse(
    dexes: &[&[u8]],
    entries: Option<&Entries>,
    pack: &RulePack,
    context: &Context<'_>,
    only: Option<&str>,
) -> Result<String, Failure> {
    let mut times = Times::start();
    let program = Program::new(dexes.iter().map(|bytes| Dex::parse(bytes)).collect::<Result<Vec<_>, _>>()?);
    times.took("program");
    let reach = entries.map(|entries| Reach::new(&program, entries));
    times.took("reach");
    let checked = check(&program, reach.as_ref(), pack, context);
    times.took("rules");
    Ok(format!("{}\n{}", told(&checked, only), times.told.join(", ")))
}

fn told(checked: &Checked, only: Option<&str>) -> String {
    let shown = checked.findings.iter().filter(|finding| only.is_none_or(|only| finding.rule.as_str() == only));
    let mut lines: Vec<String> = shown
        .map(|finding| {
            let origin = match &finding.origin {
                Origin::Own => "own",
                Origin::Library(name) => name,
            };
            let evidence = finding.evidence.as_ref().map_or("", |evidence| evidence.as_str());
            let (rule, place, reach) = (&finding.rule, finding.place.label(), finding.reach);
            format!("{rule}\t{:?}\t{origin}\t{reach:?}\t{place}\t{evidence}", finding.severity)
        })
        .collect();
    for (rule, more) in &checked.cut {
        lines.push(format!("{rule}\tand {more} more"));
    }
    lines.push(format!("{} findings, complete: {}", checked.findings.len(), checked.complete));
    lines.join("\n")
}

/// Processor time, by the system's own count.
struct Times {
    last: f64,
    wall: Instant,
    told: Vec<String>,
}

impl Times {
    fn start() -> Times {
        Times { last: processor_seconds(), wall: Instant::now(), told: Vec::new() }
    }

    fn took(&mut self, what: &str) {
        let now = processor_seconds();
        self.told.push(format!("{what} {:.3} CPU-s ({:.3} s)", now - self.last, self.wall.elapsed().as_secs_f64()));
        (self.last, self.wall) = (now, Instant::now());
    }
}

fn processor_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|number| number.parse::<f64>().ok());
    nanoseconds.unwrap_or_default() / 1e9
}
