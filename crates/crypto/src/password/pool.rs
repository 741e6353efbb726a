//! The pool: own threads, each with its own memory, behind one bounded queue.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use parking_lot::RwLock;
use testudo_core::Secret;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use super::argon2id::Memory;
use super::phc::Phc;
use super::{HashError, MAX_PASSWORD, Params, Verified, bcrypt};
use crate::digest::equal;
use crate::random;

const SALT: usize = 16;
const HASH: usize = 32;
/// How long an idle thread keeps its memory.
const KEEP_MEMORY: Duration = Duration::from_secs(5);

/// Hashes and verifies passwords on a bounded number of threads. Clones share the pool; its threads end with the last
/// clone.
#[derive(Clone, Debug)]
pub struct HashPool {
    queue: Sender<Job>,
    params: Arc<RwLock<Params>>,
    work: Arc<AtomicU64>,
}

struct Job {
    password: Secret<String>,
    work: Work,
}

enum Work {
    Hash(oneshot::Sender<Result<String, HashError>>),
    Verify(Option<String>, oneshot::Sender<Result<Verified, HashError>>),
}

impl HashPool {
    /// Starts `threads` threads (at least one) behind a queue of `queue` waiting jobs, with [`Params::FLOOR`].
    pub fn new(threads: usize, queue: usize) -> HashPool {
        let (sender, receiver) = bounded(queue);
        let params = Arc::new(RwLock::new(Params::FLOOR));
        let work = Arc::new(AtomicU64::new(0));
        for number in 0..threads.max(1) {
            let worker = Worker {
                jobs: receiver.clone(),
                params: Arc::clone(&params),
                work: Arc::clone(&work),
                memory: Memory::default(),
            };
            let thread = thread::Builder::new().name(format!("testudo-hash-{number}"));
            // A pool with fewer threads still works; one with none refuses every job, because nobody receives.
            drop(thread.spawn(move || worker.run()));
        }
        HashPool { queue: sender, params, work }
    }

    /// Sets what new hashes cost, raised to the floor; hashes that cost anything else are due for a rehash from now
    /// on.
    pub fn set_params(&self, params: Params) {
        *self.params.write() = params.raised();
    }

    /// What new hashes cost.
    pub fn params(&self) -> Params {
        *self.params.read()
    }

    /// The Argon2id work done so far: KiB of memory times passes.
    pub fn work(&self) -> u64 {
        self.work.load(Ordering::Relaxed)
    }

    /// Hashes a new password to a PHC string with a random salt.
    pub async fn hash(&self, password: Secret<String>) -> Result<String, HashError> {
        if password.expose().len() > MAX_PASSWORD {
            return Err(HashError::TooLong);
        }
        let (reply, answer) = oneshot::channel();
        self.submit(Job { password, work: Work::Hash(reply) })?;
        answer.await.map_err(|_| HashError::Stopped)?
    }

    /// Checks a password against a stored hash. Without a hash (no such person) it takes the same time and never
    /// matches; a hash that costs less than [`params`](Self::params) is made up to them. What costs more, and bcrypt,
    /// can be told apart until it is hashed anew.
    pub async fn verify(&self, password: Secret<String>, phc: Option<String>) -> Result<Verified, HashError> {
        let (reply, answer) = oneshot::channel();
        self.submit(Job { password, work: Work::Verify(phc, reply) })?;
        answer.await.map_err(|_| HashError::Stopped)?
    }

    fn submit(&self, job: Job) -> Result<(), HashError> {
        self.queue.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => HashError::Full,
            TrySendError::Disconnected(_) => HashError::Stopped,
        })
    }
}

struct Worker {
    jobs: Receiver<Job>,
    params: Arc<RwLock<Params>>,
    work: Arc<AtomicU64>,
    memory: Memory,
}

impl Worker {
    /// Works until the pool is gone.
    fn run(mut self) {
        while let Some(job) = self.next() {
            // A bug in a hash function costs one answer (its reply is dropped), not the thread.
            if catch_unwind(AssertUnwindSafe(|| self.perform(job))).is_err() {
                self.memory = Memory::default();
            }
        }
    }

    /// The next job; none when the pool is gone. The memory is wiped when nothing waits, so that wiping costs no
    /// throughput under load and nothing about a password stays in an idle process; later it is given back.
    fn next(&mut self) -> Option<Job> {
        if let Ok(job) = self.jobs.try_recv() {
            return Some(job);
        }
        self.memory.wipe();
        match self.jobs.recv_timeout(KEEP_MEMORY) {
            Ok(job) => Some(job),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                self.memory = Memory::default();
                self.jobs.recv().ok()
            }
        }
    }

    /// Answers a job, unless its caller has gone.
    fn perform(&mut self, job: Job) {
        let params = *self.params.read();
        let password = job.password.expose().as_bytes();
        match job.work {
            Work::Hash(reply) if !reply.is_closed() => {
                let answer = self.hash(password, params);
                let _ = reply.send(answer);
            }
            Work::Verify(phc, reply) if !reply.is_closed() => {
                let answer = self.verify(password, phc.as_deref(), params);
                let _ = reply.send(answer);
            }
            Work::Hash(_) | Work::Verify(..) => {}
        }
        self.memory.shrink_to(params);
    }

    fn hash(&mut self, password: &[u8], params: Params) -> Result<String, HashError> {
        let salt = random::array::<SALT>();
        let mut hash = vec![0; HASH];
        self.argon2id(password, &salt, params, &mut hash)?;
        Ok(Phc { params, salt: salt.to_vec(), hash }.write())
    }

    fn verify(&mut self, password: &[u8], phc: Option<&str>, params: Params) -> Result<Verified, HashError> {
        let too_long = password.len() > MAX_PASSWORD;
        match phc {
            Some(text) if bcrypt::is_bcrypt(text) && !too_long => {
                let matches = bcrypt::verify(password, text)?;
                Ok(Verified { matches, rehash: matches })
            }
            Some(text) if !too_long => self.verify_argon2id(password, text, params),
            Some(_) | None => {
                self.burn(params)?;
                Ok(Verified::NO)
            }
        }
    }

    fn verify_argon2id(&mut self, password: &[u8], text: &str, params: Params) -> Result<Verified, HashError> {
        let stored = match Phc::parse(text) {
            Ok(stored) => stored,
            Err(error) => {
                self.burn(params)?;
                return Err(error.into());
            }
        };
        let mut computed = Zeroizing::new(vec![0; stored.hash.len()]);
        self.argon2id(password, &stored.salt, stored.params, &mut computed)?;
        if let Some(rest) = stored.params.rest_of(params) {
            self.burn(rest)?;
        }
        let matches = equal(&computed, &stored.hash);
        let current = stored.params == params && stored.salt.len() >= SALT && stored.hash.len() >= HASH;
        Ok(Verified { matches, rehash: matches && !current })
    }

    /// Takes the time of one hash.
    fn burn(&mut self, params: Params) -> Result<(), HashError> {
        let mut out = Zeroizing::new([0; HASH]);
        self.argon2id(b"nobody", &[0; SALT], params, out.as_mut())
    }

    fn argon2id(&mut self, password: &[u8], salt: &[u8], params: Params, out: &mut [u8]) -> Result<(), HashError> {
        self.memory.hash(password, salt, params, out)?;
        self.work.fetch_add(params.work(), Ordering::Relaxed);
        Ok(())
    }
}
