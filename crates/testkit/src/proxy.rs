//! A TCP proxy on loopback before a server, which can go dark, shut its door, or cut a connection at the one moment that
//! matters: when PostgreSQL was told to commit and the answer is still to come.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// `COMMIT` as a message of PostgreSQL's simple query protocol: type, length, text.
const COMMIT: &[u8] = b"Q\x00\x00\x00\x0bCOMMIT\x00";

/// What the proxy does with bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// Passes them on.
    Open,
    /// Accepts connections and bytes, and passes nothing on in either direction.
    Dark,
    /// Closes connections, and new ones at once.
    Shut,
}

/// When a connection is cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cut {
    /// Before the server hears of `COMMIT`.
    Before,
    /// After the server answered it, and before the client hears that.
    After,
}

/// The proxy; it ends when dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    target: SocketAddr,
    way: Mutex<Way>,
    /// At the next `COMMIT`: when to cut, and what the proxy does from then on.
    cut: Mutex<Option<(Cut, Way)>>,
    cuts: AtomicU64,
    ended: AtomicBool,
    next: AtomicU64,
    open: Mutex<HashMap<u64, [TcpStream; 2]>>,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Proxy {
    /// Starts before a server.
    pub fn start(target: SocketAddr) -> std::io::Result<Proxy> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let state = Arc::new(State {
            target,
            way: Mutex::new(Way::Open),
            cut: Mutex::new(None),
            cuts: AtomicU64::new(0),
            ended: AtomicBool::new(false),
            next: AtomicU64::new(0),
            open: Mutex::default(),
        });
        let proxy = Proxy { address: listener.local_addr()?, state: state.clone() };
        std::thread::Builder::new().name("proxy".into()).spawn(move || {
            for client in listener.incoming() {
                if state.ended.load(Ordering::Acquire) {
                    break;
                }
                if let Ok(client) = client {
                    // A connection that cannot be made is one that breaks.
                    let _ = serve(&state, client);
                }
            }
        })?;
        Ok(proxy)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Does this from now on, also with connections that are open.
    pub fn go(&self, way: Way) {
        *held(&self.state.way) = way;
        if way == Way::Shut {
            self.state.shut();
        }
    }

    /// Cuts the connection on which the next `COMMIT` is sent, and goes another way from then on.
    pub fn cut(&self, cut: Cut, then: Way) {
        *held(&self.state.cut) = Some((cut, then));
    }

    /// How many connections were cut at their `COMMIT`.
    pub fn cuts(&self) -> u64 {
        self.state.cuts.load(Ordering::Acquire)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::Release);
        self.state.shut();
        // Wakes the listener, which then closes.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
    }
}

impl State {
    fn shut(&self) {
        for (_, ends) in held(&self.open).drain() {
            close(&ends);
        }
    }
}

fn close(ends: &[TcpStream; 2]) {
    for end in ends {
        let _ = end.shutdown(Shutdown::Both);
    }
}

fn serve(state: &Arc<State>, client: TcpStream) -> std::io::Result<()> {
    if *held(&state.way) == Way::Shut {
        return Ok(());
    }
    let server = TcpStream::connect(state.target)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let id = state.next.fetch_add(1, Ordering::AcqRel);
    held(&state.open).insert(id, [client.try_clone()?, server.try_clone()?]);
    let mute = Arc::new(AtomicBool::new(false));
    let up = Pump { state: state.clone(), id, from: client.try_clone()?, to: server.try_clone()?, mute: mute.clone() };
    let down = Pump { state: state.clone(), id, from: server, to: client, mute };
    std::thread::Builder::new().name("proxy-up".into()).spawn(move || up.run(true))?;
    std::thread::Builder::new().name("proxy-down".into()).spawn(move || down.run(false))?;
    Ok(())
}

/// One direction of a connection.
struct Pump {
    state: Arc<State>,
    id: u64,
    from: TcpStream,
    to: TcpStream,
    /// The next answer of the server is the last that happens on this connection, and nobody hears it.
    mute: Arc<AtomicBool>,
}

impl Pump {
    fn run(mut self, from_client: bool) {
        let mut buffer = vec![0; 64 << 10];
        let mut before = Vec::new();
        while let Ok(count) = self.from.read(&mut buffer) {
            let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else { break };
            if !from_client && self.mute.load(Ordering::Acquire) {
                break;
            }
            if from_client && Pump::commits(&mut before, bytes) {
                let armed = held(&self.state.cut).take();
                if let Some((cut, then)) = armed {
                    self.state.cuts.fetch_add(1, Ordering::AcqRel);
                    *held(&self.state.way) = then;
                    if cut == Cut::Before {
                        break;
                    }
                    self.mute.store(true, Ordering::Release);
                    if self.to.write_all(bytes).is_err() {
                        break;
                    }
                    continue;
                }
            }
            if *held(&self.state.way) == Way::Open && self.to.write_all(bytes).is_err() {
                break;
            }
        }
        let ends = held(&self.state.open).remove(&self.id);
        if let Some(ends) = ends {
            close(&ends);
        }
    }

    /// Whether these bytes end a `COMMIT`, perhaps together with those before.
    fn commits(before: &mut Vec<u8>, bytes: &[u8]) -> bool {
        before.extend_from_slice(bytes);
        let found = before.windows(COMMIT.len()).any(|window| window == COMMIT);
        let keep = before.len().saturating_sub(COMMIT.len() - 1);
        before.drain(..keep);
        found
    }
}
