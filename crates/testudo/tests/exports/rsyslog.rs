//! To rsyslog, over TCP and TLS.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::support::{Server, eventually, free_address, listens, skip};
use super::{PATIENCE, complete, drained, serve, target, traffic};

const BINARY: &str = "/usr/sbin/rsyslogd";

/// A receiver with a configuration and files of its own.
struct Rsyslog {
    child: Option<Child>,
    folder: tempfile::TempDir,
    address: SocketAddr,
}

impl Rsyslog {
    /// Not started yet; none where it is not installed.
    fn new(certificates: Option<(&str, &str, &str)>) -> Option<Rsyslog> {
        let tls = certificates.is_some();
        let driver = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten();
        let driver = driver.map(|folder| folder.path().join("rsyslog/lmnsd_gtls.so")).any(|file| file.exists());
        if !Path::new(BINARY).exists() || (tls && !driver) {
            skip("TESTUDO_REQUIRE_RSYSLOG", "rsyslog or rsyslog-gnutls is not installed");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let address = free_address();
        let work = folder.path().display();
        let mut text = format!("global(workDirectory=\"{work}\" maxMessageSize=\"64k\"");
        if let Some((ca, certificate, key)) = certificates {
            for (name, pem) in [("ca.pem", ca), ("cert.pem", certificate), ("key.pem", key)] {
                std::fs::write(folder.path().join(name), pem).unwrap();
            }
            text.push_str(&format!(
                " defaultNetstreamDriver=\"gtls\" defaultNetstreamDriverCAFile=\"{work}/ca.pem\" \
                 defaultNetstreamDriverCertFile=\"{work}/cert.pem\" defaultNetstreamDriverKeyFile=\"{work}/key.pem\""
            ));
        }
        text.push_str(" parser.escapeControlCharactersOnReceive=\"off\")\n");
        text.push_str(if tls {
            "module(load=\"imtcp\" streamDriver.name=\"gtls\" streamDriver.mode=\"1\" streamDriver.authMode=\"anon\")\n"
        } else {
            "module(load=\"imtcp\")\n"
        });
        text.push_str(&format!("input(type=\"imtcp\" address=\"127.0.0.1\" port=\"{}\")\n", address.port()));
        text.push_str(
            "template(name=\"whole\" type=\"list\") { property(name=\"jsonmesg\") constant(value=\"\\n\") }\n",
        );
        text.push_str(&format!(
            "action(type=\"omfile\" file=\"{work}/got\" template=\"whole\" fileCreateMode=\"0600\")\n"
        ));
        std::fs::write(folder.path().join("rsyslog.conf"), text).unwrap();
        Some(Rsyslog { child: None, folder, address })
    }

    fn start(&mut self) {
        let child = Command::new(BINARY)
            .args(["-n", "-f"])
            .arg(self.folder.path().join("rsyslog.conf"))
            .arg("-i")
            .arg(self.folder.path().join("pid"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(self.folder.path().join("errors")).unwrap())
            .spawn()
            .unwrap();
        self.child = Some(child);
        let errors = self.folder.path().join("errors");
        eventually("rsyslog listens", PATIENCE, || {
            assert!(
                self.child.as_mut().unwrap().try_wait().unwrap().is_none(),
                "rsyslog ended: {}",
                std::fs::read_to_string(&errors).unwrap()
            );
            listens(self.address)
        });
    }

    /// Stops it in order: what it has taken it writes.
    fn stop(&mut self) {
        let mut child = self.child.take().unwrap();
        assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
        child.wait().unwrap();
    }

    /// What it got: application, kind, structured data, text.
    fn got(&self) -> Vec<Message> {
        let text = std::fs::read_to_string(self.folder.path().join("got")).unwrap_or_default();
        let line = |line: &str| {
            let message: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            let text = |name: &str| message[name].as_str().unwrap_or_default().to_owned();
            assert_eq!(text("app-name"), "testudo", "{message}");
            Message {
                kind: text("msgid"),
                data: text("structured-data"),
                text: text("msg"),
                facility: text("syslogfacility"),
            }
        };
        // The last line may be half written.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(line).collect()
    }
}

impl Drop for Rsyslog {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

struct Message {
    kind: String,
    data: String,
    text: String,
    facility: String,
}

fn parameter<'m>(message: &'m Message, name: &str) -> Option<&'m str> {
    let (_, rest) = message.data.split_once(&format!(" {name}=\""))?;
    rest.split_once('"').map(|(value, _)| value)
}

fn places(messages: &[Message]) -> BTreeSet<u64> {
    messages.iter().filter_map(|message| parameter(message, "seq")?.parse().ok()).collect()
}

#[test]
fn rsyslog_gets_every_entry_although_it_goes_away_and_the_server_is_killed() {
    let Some(mut receiver) = Rsyslog::new(None) else { return };
    let mut server = serve(&format!(
        "[[export]]\nname = \"siem\"\nkind = \"syslog\"\nurl = \"tcp://{}\"\nfrom = \"start\"\n",
        receiver.address
    ));
    // It is down at first: what waits is kept, requests go on, and the journal says so.
    traffic(&server, 200);
    eventually("the target is seen to be stalled", PATIENCE, || target(&server, "siem")["state"] == "stalled");
    let stalled = target(&server, "siem");
    assert!(stalled["waiting"].as_u64().unwrap() >= 200, "{stalled}");
    assert!(stalled["error"].as_str().unwrap().contains("can't be reached"), "{stalled}");
    assert_eq!(server.events("export.stalled")[0]["target"], "export siem");
    receiver.start();
    drained(&server, "siem");
    eventually("the journal says that it is back", PATIENCE, || server.events("export.resumed").len() == 1);
    assert_eq!(target(&server, "siem")["state"], "running");
    // The server is killed while it exports, more than once.
    for round in 0..4 {
        traffic(&server, 150 + 20 * round);
        server.crash_and_restart();
    }
    drained(&server, "siem");
    // The receiver goes while there is traffic, and comes back.
    receiver.stop();
    traffic(&server, 100);
    receiver.start();
    traffic(&server, 100);
    let place = drained(&server, "siem");
    receiver.stop();
    let got = receiver.got();
    complete(&places(&got), place);
    assert!(got.len() as u64 >= place);
    let request = got.iter().find(|message| message.kind == "request.decided").unwrap();
    assert_eq!(parameter(request, "route"), Some("/health"), "{}", request.data);
    assert_eq!(parameter(request, "ip"), None, "an address does not leave in plain: {}", request.data);
    assert_eq!(parameter(request, "address").map(str::len), Some(32), "its pseudonym does: {}", request.data);
    assert_eq!(request.facility, "13");
    assert!(request.text.contains("request.decided success"), "{}", request.text);
}

#[test]
fn rsyslog_gets_documents_over_tls_and_a_wrong_certificate_gets_nothing() {
    let ca_key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca = parameters.self_signed(&ca_key).unwrap();
    let issuer = rcgen::Issuer::from_params(&parameters, &ca_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certificate = rcgen::CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    let pems = (ca.pem(), certificate.pem(), key.serialize_pem());
    let Some(mut receiver) = Rsyslog::new(Some((&pems.0, &pems.1, &pems.2))) else { return };
    receiver.start();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ca.pem"), &pems.0).unwrap();
    let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(folder.path().join("other.pem"), other.cert.pem()).unwrap();
    let export = |name: &str, ca: &str| {
        format!(
            "[[export]]\nname = \"{name}\"\nkind = \"syslog\"\nurl = \"tls://localhost:{}\"\nformat = \"ecs\"\n\
             from = \"start\"\nca-file = \"{ca}\"\nfacility = 10\n",
            receiver.address.port()
        )
    };
    let configuration = format!("{}{}", export("siem", "ca.pem"), export("stranger", "other.pem"));
    std::fs::write(folder.path().join("testudo.toml"), configuration).unwrap();
    let server = Server::start_in(folder, &[]);
    traffic(&server, 300);
    let place = drained(&server, "siem");
    eventually("the other one is refused", PATIENCE, || target(&server, "stranger")["state"] == "stalled");
    let stranger = target(&server, "stranger");
    assert_eq!(stranger["place"], 0);
    assert!(stranger["error"].as_str().unwrap().contains("certificate"), "{stranger}");
    drop(server);
    receiver.stop();
    let mut places = BTreeSet::new();
    for message in receiver.got() {
        let document: Value = serde_json::from_str(message.text.trim()).unwrap();
        assert_eq!(document["event"]["action"], *message.kind);
        assert!(message.data.contains(document["event"]["id"].as_str().unwrap()), "{}", message.data);
        places.insert(document["event"]["sequence"].as_u64().unwrap());
    }
    complete(&places, place);
}
