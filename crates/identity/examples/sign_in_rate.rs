//! Sign-ins per second through [`Identity::sign_in`], against the raw rate of the hash pool, interleaved. The store is
//! `SQLite` on disk, so that each sign-in pays its durable commit.
//!
//! `cargo run --release -p testudo-identity --example sign_in_rate`

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement on the command line")]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::{Duration, Instant, SystemTime};

use testudo_core::{Clock, RequestId, Secret, Timestamp};
use testudo_crypto::password::HashPool;
use testudo_crypto::{RootKey, random};
use testudo_identity::{Context, Identity, IdentityConfig, SignInOutcome, SignUpForm};
use testudo_store::{Store, StoreConfig};

const PASSWORD: &str = "mesa lantern forty-two";
const ROUNDS: usize = 8;
const PER_ROUND: usize = 100;
const AT_ONCE: usize = 16;

struct Wall(Instant);

impl Clock for Wall {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        Timestamp::EPOCH.plus(since)
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(measure());
}

async fn measure() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(Wall(Instant::now()));
    let store = Store::open(&StoreConfig::sqlite(folder.path()), &RootKey::generate(), clock.clone()).await.unwrap();
    let threads = available_parallelism().map_or(1, usize::from);
    let pool = HashPool::new(threads, 1024);
    let identity = Identity::new(store, pool.clone(), IdentityConfig::new("https://id.example.org").unwrap());
    let form = SignUpForm { username: "ada".into(), name: String::new(), password: secret() };
    identity.sign_up(form, &context(clock.now())).await.unwrap();
    let phc = pool.hash(secret()).await.unwrap();
    let (mut raw, mut whole) = (Spent::default(), Spent::default());
    for _ in 0..ROUNDS {
        raw.add(
            many(|| {
                let (pool, phc) = (pool.clone(), phc.clone());
                async move { assert!(pool.verify(secret(), Some(phc)).await.unwrap().matches) }
            })
            .await,
        );
        whole.add(
            many(|| {
                let (identity, ctx) = (identity.clone(), context(clock.now()));
                async move {
                    let outcome = identity.sign_in("ada", secret(), None, &ctx).await.unwrap();
                    assert!(matches!(outcome, SignInOutcome::SignedIn(_)));
                }
            })
            .await,
        );
    }
    let times = f64::from(u32::try_from(ROUNDS * PER_ROUND).unwrap());
    println!("threads of the pool: {threads}");
    for (name, spent) in [("raw Argon2id", raw), ("sign-in", whole)] {
        let (wall, cpu) = (spent.wall.as_secs_f64(), spent.cpu.as_secs_f64());
        println!("{name:<14}{:>8.1}/s {:>8.2} ms of CPU each", times / wall, 1000.0 * cpu / times);
    }
    println!("ratio by wall {:.3}", raw.wall.as_secs_f64() / whole.wall.as_secs_f64());
    println!("ratio by CPU  {:.3}", raw.cpu.as_secs_f64() / whole.cpu.as_secs_f64());
}

/// Wall time, and CPU time of all threads: on a machine that others use, only the second says much.
#[derive(Clone, Copy, Default)]
struct Spent {
    wall: Duration,
    cpu: Duration,
}

impl Spent {
    fn add(&mut self, more: Spent) {
        self.wall += more.wall;
        self.cpu += more.cpu;
    }
}

/// User and system time of this process so far, in Linux's ticks of 10 ms.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_ascii_whitespace().collect();
    let ticks: u64 = fields.iter().skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(10 * ticks)
}

/// How long it takes to do the work so often, a few at once.
async fn many<F: Future<Output = ()> + Send + 'static>(work: impl Fn() -> F) -> Spent {
    let (begin, used) = (Instant::now(), cpu());
    let slots = Arc::new(tokio::sync::Semaphore::new(AT_ONCE));
    let mut tasks = Vec::new();
    for _ in 0..PER_ROUND {
        let slot = Arc::clone(&slots).acquire_owned().await.unwrap();
        let one = work();
        tasks.push(tokio::spawn(async move {
            one.await;
            drop(slot);
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    Spent { wall: begin.elapsed(), cpu: cpu().saturating_sub(used) }
}

fn secret() -> Secret<String> {
    Secret::new(PASSWORD.to_owned())
}

fn context(now: Timestamp) -> Context {
    Context {
        request: RequestId::new(now, random::array()),
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        user_agent: None,
        now,
    }
}
