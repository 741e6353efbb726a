//! Starting and draining: one worker per core, each a thread with a runtime, listeners and connections of its own.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{oneshot, watch};
use tokio_rustls::TlsAcceptor;

use crate::admission::Seats;
use crate::close::CloseSignal;
use crate::conn::CoarseClock;
use crate::counters::{Counters, GatewayCounters};
use crate::limits::Limits;
use crate::listen::{Front, InheritedSockets, WorkerSocket, bind, is_free};
use crate::reaper::Reaper;
use crate::serve::{Handler, Serving};

/// What a gateway listens on.
#[derive(Clone, Debug)]
pub struct GatewayConfig {
    /// Addresses; port 0 takes a free one.
    pub listen: Vec<SocketAddr>,
    /// Sockets that are open already; those of the addresses above are used, and nothing is bound there.
    pub inherited: InheritedSockets,
    /// Workers; one per core is right.
    pub workers: usize,
    /// TLS for all addresses; `None` is plain HTTP/1.1.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Limits.
    pub limits: Limits,
}

/// What a worker's handler is made from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WorkerContext {
    /// The worker's number, from 0.
    pub worker: usize,
    /// How many there are.
    pub workers: usize,
}

/// Why a gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No address or no worker.
    #[error("nothing to listen on; name at least one address and one worker")]
    Nothing,
    /// An address is taken or not ours.
    #[error("can't listen on {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The system gave no thread or runtime.
    #[error("can't start a worker")]
    Worker(#[source] io::Error),
}

/// How a drain ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Drained {
    /// Whether all requests were finished in time.
    pub finished: bool,
    /// Requests that were cut off.
    pub aborted: usize,
}

/// The counters of a gateway, apart from it.
#[derive(Clone, Debug)]
pub struct CountersHandle(Vec<Arc<Counters>>);

impl CountersHandle {
    /// What was counted so far.
    pub fn read(&self) -> GatewayCounters {
        let mut sum = GatewayCounters::default();
        self.0.iter().for_each(|counters| sum.add(counters));
        sum
    }
}

/// A running gateway.
#[derive(Debug)]
pub struct Gateway {
    addresses: Vec<SocketAddr>,
    counters: Vec<Arc<Counters>>,
    stop: watch::Sender<Option<Duration>>,
    workers: Vec<(JoinHandle<()>, oneshot::Receiver<usize>)>,
}

impl Gateway {
    /// Binds all sockets, then starts the workers. `make` runs on each worker's thread, within its runtime.
    pub fn start<H: Handler>(
        config: GatewayConfig,
        make: impl Fn(WorkerContext) -> Rc<H> + Send + Sync + 'static,
    ) -> Result<Gateway, StartError> {
        let GatewayConfig { listen, inherited, workers, tls, limits } = config;
        if listen.is_empty() || workers == 0 {
            return Err(StartError::Nothing);
        }
        let (addresses, sockets) = bind_all(&listen, &inherited, workers)?;
        let make = Arc::new(make);
        let (stop, stopped) = watch::channel(None);
        let mut gateway = Gateway { addresses, counters: Vec::new(), stop, workers: Vec::new() };
        for (worker, sockets) in sockets.into_iter().enumerate() {
            let counters = Arc::new(Counters::default());
            gateway.counters.push(counters.clone());
            let (begun, beginning) = std::sync::mpsc::sync_channel(1);
            let (done, waiting) = oneshot::channel();
            let (make, limits, tls, stopped) = (make.clone(), limits.clone(), tls.clone(), stopped.clone());
            let seed = Seed { worker, workers, sockets, tls, limits, counters };
            let thread = std::thread::Builder::new()
                .name(format!("gateway-{worker}"))
                .spawn(move || {
                    let aborted = run(seed, &*make, stopped, &begun);
                    let _ = done.send(aborted);
                })
                .map_err(StartError::Worker)?;
            gateway.workers.push((thread, waiting));
            let ended = || io::Error::other("its thread ended");
            beginning.recv().unwrap_or_else(|_| Err(ended())).map_err(StartError::Worker)?;
        }
        Ok(gateway)
    }

    /// Where it listens, with the ports that were taken.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// What was counted so far.
    pub fn counters(&self) -> GatewayCounters {
        self.counters_handle().read()
    }

    /// The counters, to be read as long as anybody wants to.
    pub fn counters_handle(&self) -> CountersHandle {
        CountersHandle(self.counters.clone())
    }

    /// Stops accepting, asks every connection to close after its open requests (GOAWAY, `Connection: close`), ends
    /// tunnels, waits at most `timeout`, and closes the rest. Who may be about to ask is answered once more. From inherited
    /// sockets it goes on accepting until all older connections have ended.
    pub async fn drain(mut self, timeout: Duration) -> Drained {
        let _ = self.stop.send(Some(timeout));
        let mut aborted = 0;
        for (thread, done) in std::mem::take(&mut self.workers) {
            aborted += done.await.unwrap_or(1);
            // The thread has told its result as its last act.
            let _ = thread.join();
        }
        Drained { finished: aborted == 0, aborted }
    }
}

impl Drop for Gateway {
    /// Without a drain, everything is closed at once.
    fn drop(&mut self) {
        let _ = self.stop.send(Some(Duration::ZERO));
    }
}

type WorkerSockets = Vec<WorkerSocket>;

fn bind_all(
    listen: &[SocketAddr],
    inherited: &InheritedSockets,
    workers: usize,
) -> Result<(Vec<SocketAddr>, Vec<WorkerSockets>), StartError> {
    let mut addresses = Vec::new();
    let mut sockets: Vec<WorkerSockets> = (0..workers).map(|_| Vec::new()).collect();
    for wanted in listen {
        let mut address = *wanted;
        let failed = |source| StartError::Bind { address: *wanted, source };
        if let Some(hands) = inherited.deal(address, workers).map_err(failed)? {
            for (sockets, hand) in sockets.iter_mut().zip(hands) {
                sockets.extend(hand.into_iter().map(|listener| WorkerSocket { listener, inherited: true }));
            }
            addresses.push(address);
            continue;
        }
        is_free(address).map_err(failed)?;
        for (worker, sockets) in sockets.iter_mut().enumerate() {
            let listener = bind(address).map_err(failed)?;
            if worker == 0 {
                address = listener.local_addr().map_err(failed)?;
                addresses.push(address);
            }
            sockets.push(WorkerSocket { listener, inherited: false });
        }
    }
    Ok((addresses, sockets))
}

/// What a worker's thread is given.
struct Seed {
    worker: usize,
    workers: usize,
    sockets: WorkerSockets,
    tls: Option<Arc<rustls::ServerConfig>>,
    limits: Limits,
    counters: Arc<Counters>,
}

/// A worker's life; returns the requests that the drain cut off.
fn run<H: Handler>(
    seed: Seed,
    make: &impl Fn(WorkerContext) -> Rc<H>,
    stopped: watch::Receiver<Option<Duration>>,
    begun: &SyncSender<io::Result<()>>,
) -> usize {
    let built = Builder::new_current_thread().enable_all().max_blocking_threads(8).build_local(LocalOptions::default());
    match built {
        Ok(runtime) => {
            let _ = begun.send(Ok(()));
            runtime.block_on(live(seed, make, stopped))
        }
        Err(error) => {
            let _ = begun.send(Err(error));
            0
        }
    }
}

async fn live<H: Handler>(
    seed: Seed,
    make: &impl Fn(WorkerContext) -> Rc<H>,
    mut stopped: watch::Receiver<Option<Duration>>,
) -> usize {
    let Seed { worker, workers, sockets, tls, limits, counters } = seed;
    let handler = make(WorkerContext { worker, workers });
    let clock = CoarseClock::new();
    let drain = CloseSignal::new();
    let reaper = Rc::new(Reaper::default());
    let connections = Seats::new(limits.connections, limits.connections_per_network);
    let handshakes = Seats::new(limits.handshakes, limits.handshakes_per_network);
    let serving = Serving::new(handler, limits, drain.clone());
    tokio::task::spawn_local(reaper.clone().run(clock.clone(), serving.clone()));
    let tls = tls.map(TlsAcceptor::from);
    let (under_way, full_stop) = (handshakes.clone(), CloseSignal::new());
    let front = Rc::new(Front {
        serving,
        tls,
        worker,
        clock,
        counters,
        reaper: reaper.clone(),
        full_stop: full_stop.clone(),
        connections,
        handshakes,
    });
    for WorkerSocket { listener, inherited } in sockets {
        match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => {
                tokio::task::spawn_local(front.clone().accept(listener, inherited));
            }
            Err(error) => tracing::error!(worker, %error, "a listener can't be used"),
        }
    }
    let timeout = match stopped.wait_for(Option::is_some).await {
        Ok(timeout) => timeout.unwrap_or_default(),
        Err(_) => Duration::ZERO,
    };
    drain.close("drain");
    let deadline = tokio::time::Instant::now() + timeout;
    loop {
        let alive = reaper.alive();
        for state in &alive {
            state.farewell();
        }
        let stopped = full_stop.is_closed();
        if alive.iter().all(|state| state.is_late()) {
            full_stop.close("drain");
        }
        if stopped && alive.is_empty() && under_way.taken() == 0 {
            return 0;
        }
        if tokio::time::Instant::now() >= deadline {
            let aborted = alive.iter().map(|state| state.open_requests() as usize).sum();
            for state in &alive {
                state.kill();
            }
            tokio::task::yield_now().await;
            return aborted;
        }
        drop(alive);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
