//! Starting, ageing and draining.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use testudo_gateway::InheritedSockets;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::harness::{Setup, closes_within, eventually, read_until};

#[tokio::test]
async fn a_drain_finishes_what_is_open_and_closes_what_is_idle() {
    let fixture = Setup { workers: 2, ..Setup::default() }.start();
    let mut busy = fixture.connect().await;
    let mut idle = fixture.connect().await;
    idle.write_all(b"GET /hello HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    read_until(&mut idle, "hello h").await;
    busy.write_all(b"GET /slow HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    eventually("the slow one began", || fixture.gateway.counters().requests_open == 1).await;
    let address = fixture.address;
    let began = Instant::now();
    let (drained, answer, idle_closed) = tokio::join!(
        fixture.gateway.drain(Duration::from_secs(5)),
        async {
            let answer = read_until(&mut busy, "slow").await;
            (answer, closes_within(&mut busy, Duration::from_secs(1)).await)
        },
        closes_within(&mut idle, Duration::from_secs(2)),
    );
    assert!(drained.finished && drained.aborted == 0, "{drained:?}");
    assert!(answer.0.contains("200 OK") && answer.1.is_some(), "{}", answer.0);
    // It might have been about to ask, so it is waited for a second.
    assert!(idle_closed.unwrap() < Duration::from_millis(1_500));
    assert!(began.elapsed() < Duration::from_secs(2));
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_drain_cuts_off_what_does_not_end() {
    let fixture = Setup::default().start();
    let mut stream = fixture.connect().await;
    stream.write_all(b"GET /silent HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    read_until(&mut stream, "\r\n\r\n").await;
    let drained = fixture.gateway.drain(Duration::from_millis(200)).await;
    assert!(!drained.finished && drained.aborted == 1, "{drained:?}");
    assert!(closes_within(&mut stream, Duration::from_secs(1)).await.is_some());
    assert_eq!(fixture.seen.ends.lock().len(), 1);
}

#[tokio::test]
async fn a_connection_ends_after_its_requests_and_its_age() {
    let mut setup = Setup::default();
    setup.limits.max_requests = 3;
    let fixture = setup.start();
    let mut stream = fixture.connect().await;
    for number in 1..=3 {
        stream.write_all(b"GET /hello HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
        let answer = read_until(&mut stream, "hello h").await;
        assert_eq!(answer.contains("connection: close"), number == 3, "{answer}");
    }
    assert!(closes_within(&mut stream, Duration::from_secs(1)).await.is_some());

    let mut setup = Setup::default();
    setup.limits.max_age = Duration::from_millis(200);
    let fixture = setup.start();
    let mut stream = fixture.connect().await;
    stream.write_all(b"GET /hello HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    read_until(&mut stream, "hello h").await;
    assert!(closes_within(&mut stream, Duration::from_secs(1)).await.is_some());
}

struct Never;
impl testudo_gateway::Handler for Never {
    async fn handle(
        self: std::rc::Rc<Self>,
        _: testudo_gateway::Inbound,
    ) -> http::Response<testudo_gateway::ResponseBody> {
        http::Response::new(testudo_gateway::ResponseBody::empty())
    }
}

#[tokio::test]
async fn a_taken_address_is_an_error_that_names_it() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let config = testudo_gateway::GatewayConfig {
        listen: vec![address],
        inherited: testudo_gateway::InheritedSockets::default(),
        workers: 1,
        tls: None,
        limits: testudo_gateway::Limits::default(),
    };
    let error = testudo_gateway::Gateway::start(config.clone(), |_| std::rc::Rc::new(Never)).unwrap_err();
    assert!(error.to_string().contains(&address.to_string()), "{error}");
    drop(listener);
    let first = testudo_gateway::Gateway::start(config.clone(), |_| std::rc::Rc::new(Never)).unwrap();
    assert!(testudo_gateway::Gateway::start(config.clone(), |_| std::rc::Rc::new(Never)).is_err());
    assert!(first.drain(Duration::from_secs(1)).await.finished);
    assert!(testudo_gateway::Gateway::start(config, |_| std::rc::Rc::new(Never)).is_ok());
}

#[tokio::test]
async fn an_idle_connection_is_parked_and_goes_on() {
    let mut setup = Setup::default();
    setup.limits.head_timeout = Duration::from_millis(2_500);
    let fixture = setup.start();
    let mut stream = fixture.connect().await;
    // Silent from the beginning, for longer than it takes to be parked.
    let parked = || tokio::time::sleep(Duration::from_millis(1_600));
    parked().await;
    stream.write_all(b"GET /hello HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    assert!(read_until(&mut stream, "hello h").await.starts_with("HTTP/1.1 200 "));
    parked().await;
    // A head that arrives in two halves, with a pause that is long enough to be parked in, were it idle.
    stream.write_all(b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-").await.unwrap();
    parked().await;
    stream.write_all(b"Length: 6\r\n\r\nwhole!GET /hello HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    let answers = read_until(&mut stream, "hello h").await;
    assert!(answers.contains("whole!") && answers.matches("HTTP/1.1 200 ").count() == 2, "{answers}");
    parked().await;
    // What is malformed after it is refused as ever.
    stream.write_all(b"GET /hello HTTP/1.1\nHost: h\r\n\r\n").await.unwrap();
    assert!(read_until(&mut stream, "bare-lf").await.starts_with("HTTP/1.1 400 "));
    // A head that begins while it is parked and never ends has its deadline.
    let mut slow = fixture.connect().await;
    parked().await;
    slow.write_all(b"GET /hello HTTP/1.1\r\n").await.unwrap();
    parked().await;
    assert!(read_until(&mut slow, "head-timeout").await.starts_with("HTTP/1.1 408 "));
    assert_eq!(fixture.gateway.counters().connections, 2);
}

#[tokio::test]
async fn who_is_about_to_ask_when_the_drain_begins_is_answered_once_more() {
    let fixture = Setup::default().start();
    let mut silent = fixture.connect().await;
    let mut idle = fixture.connect().await;
    idle.write_all(b"GET /hello HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    read_until(&mut idle, "hello h").await;
    eventually("both are there", || fixture.gateway.counters().connections_open == 2).await;
    let (drained, ()) = tokio::join!(fixture.gateway.drain(Duration::from_secs(5)), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        for stream in [&mut silent, &mut idle] {
            stream.write_all(b"GET /hello HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
            assert!(read_until(stream, "hello h").await.contains("connection: close"));
            assert!(closes_within(stream, Duration::from_millis(200)).await.is_some());
        }
    });
    assert!(drained.finished);
}

/// Asks again and again, each connection until it is told to close; gives how many answers it got.
async fn caller(address: std::net::SocketAddr, path: &'static str, stop: Arc<AtomicBool>) -> usize {
    let mut answers = 0;
    while !stop.load(Ordering::SeqCst) {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let mut last = false;
        while !last && !stop.load(Ordering::SeqCst) {
            stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            while !answer.ends_with(b"hello h") && !answer.ends_with(b"slow") {
                let mut piece = [0; 512];
                let read = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut piece)).await;
                let count = read.expect("no answer").expect("the connection broke");
                assert!(count > 0, "closed without an answer after {answers}");
                answer.extend_from_slice(&piece[..count]);
            }
            answers += 1;
            last = String::from_utf8_lossy(&answer).contains("connection: close");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    answers
}

#[tokio::test]
async fn a_restart_on_an_inherited_socket_loses_nobody() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let start = || {
        let inherited = InheritedSockets::new(vec![listener.try_clone().unwrap()]).unwrap();
        Setup { workers: 2, listen: address, inherited, ..Setup::default() }.start()
    };
    let mut fixture = start();
    assert_eq!(fixture.address, address);
    let stop = Arc::new(AtomicBool::new(false));
    let paths = ["/hello", "/hello", "/hello", "/slow"];
    let callers: Vec<_> = paths.into_iter().map(|path| tokio::spawn(caller(address, path, stop.clone()))).collect();
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(fixture.gateway.drain(Duration::from_secs(5)).await.finished);
        // Nobody accepts; the kernel does.
        tokio::time::sleep(Duration::from_millis(100)).await;
        fixture = start();
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    stop.store(true, Ordering::SeqCst);
    for caller in callers {
        assert!(caller.await.unwrap() > 4);
    }
}

#[tokio::test]
async fn while_old_requests_finish_an_inherited_socket_is_still_served() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let inherited = InheritedSockets::new(vec![listener.try_clone().unwrap()]).unwrap();
    let fixture = Setup { listen: address, inherited, ..Setup::default() }.start();
    let mut old = fixture.connect().await;
    old.write_all(b"GET /silent HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    read_until(&mut old, "\r\n\r\n").await;
    let (drained, answer) = tokio::join!(fixture.gateway.drain(Duration::from_secs(2)), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /hello HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
        read_until(&mut stream, "hello h").await
    });
    assert!(answer.contains("connection: close"), "{answer}");
    assert_eq!(drained.aborted, 1);
    // The socket is still there, for the next one.
    assert!(tokio::net::TcpStream::connect(address).await.is_ok());
}
