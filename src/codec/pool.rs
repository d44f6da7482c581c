//! Frames in parallel, in order, bounded: one pool as wide as the machine for the whole process.
//!
//! Whoever compresses waits outside the pool and writes, while the pool encodes. However many instances arrive at
//! once, no more frames are worked on than there are cores, and each instance keeps only a few in memory.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::{io, thread};

use rayon::{ThreadPool, ThreadPoolBuilder};

/// Why work on frames ended early.
#[derive(Debug)]
pub(super) enum PoolError<E> {
    /// A job said so.
    Job(E),
    /// A job panicked.
    Panicked {
        /// Which job, counted from 0.
        index: u32,
        /// What the panic said.
        message: String,
    },
    /// The caller's `take` failed, or there is no pool.
    Io(io::Error),
}

/// Runs `job` for each of 0 to `count` - 1 on the pool and hands what they give to `take`, in order, on this thread.
///
/// `Ok` means that every job has ended well and every product has been taken. At most two jobs a core are under way or
/// have a product that waits for its turn. Must not be called from within a job.
///
/// # Errors
/// The first failure that is heard of; jobs that have not begun by then are left out, the others are waited for.
pub(super) fn in_order<T, E, J, F>(count: u32, job: J, mut take: F) -> Result<(), PoolError<E>>
where
    T: Send,
    E: Send,
    J: Fn(u32) -> Result<T, E> + Sync,
    F: FnMut(T) -> Result<(), PoolError<E>>,
{
    let pool = pool().map_err(|message| PoolError::Io(io::Error::other(message.as_str())))?;
    if count == 1 {
        // Most instances have one frame. No channel and no scope: this thread is woken once, which takes a core from
        // another frame for a moment.
        return pool.install(|| run(0, &job)).and_then(take);
    }
    let window = u32::try_from(2 * pool.current_num_threads()).unwrap_or(u32::MAX);
    let stop = AtomicBool::new(false);
    let (sender, receiver) = mpsc::channel();
    let (job, stop) = (&job, &stop);
    pool.in_place_scope(|scope| {
        let (mut begun, mut running, mut taken) = (0, 0, 0);
        let mut waiting = BTreeMap::new();
        let mut failure = None;
        loop {
            while failure.is_none() && begun < count && begun - taken < window {
                let (index, sender) = (begun, sender.clone());
                scope.spawn(move |_| {
                    let outcome = (!stop.load(Ordering::Relaxed)).then(|| run(index, job));
                    // The receiver outlives the scope.
                    let _ = sender.send((index, outcome));
                });
                begun += 1;
                running += 1;
            }
            if running == 0 {
                break;
            }
            // This thread holds a sender itself, so the channel cannot be closed.
            let Ok((index, outcome)) = receiver.recv() else { break };
            running -= 1;
            match outcome {
                Some(Ok(product)) => {
                    waiting.insert(index, product);
                    while let (None, Some(product)) = (&failure, waiting.remove(&taken)) {
                        taken += 1;
                        failure = take(product).err();
                    }
                }
                Some(Err(error)) => failure = failure.or(Some(error)),
                None => {}
            }
            if failure.is_some() {
                stop.store(true, Ordering::Relaxed);
                waiting.clear();
            }
        }
        failure.map_or(Ok(()), Err)
    })
}

/// Runs one job; a panic becomes an error, so that a defect in a codec costs one instance and not the process.
fn run<T, E>(index: u32, job: &impl Fn(u32) -> Result<T, E>) -> Result<T, PoolError<E>> {
    // Nothing that a job shares with others is left half-changed by a panic: thread-local buffers are dropped.
    match catch_unwind(AssertUnwindSafe(|| job(index))) {
        Ok(outcome) => outcome.map_err(PoolError::Job),
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            Err(PoolError::Panicked { index, message: text.unwrap_or_else(|| "no message".to_owned()) })
        }
    }
}

fn pool() -> Result<&'static ThreadPool, &'static String> {
    static POOL: OnceLock<Result<ThreadPool, String>> = OnceLock::new();
    let build = || {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let builder = ThreadPoolBuilder::new().num_threads(threads).thread_name(|at| format!("codec-{at}"));
        builder.build().map_err(|error| format!("the codec pool cannot be started: {error}"))
    };
    POOL.get_or_init(build).as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;

    fn untyped(error: PoolError<String>) -> String {
        match error {
            PoolError::Job(text) => text,
            PoolError::Panicked { index, message } => format!("{index}: {message}"),
            PoolError::Io(error) => error.to_string(),
        }
    }

    #[test]
    fn products_come_in_order_and_all_jobs_end() {
        for count in [0, 1, 2, 500] {
            let (ended, mut seen) = (AtomicU32::new(0), Vec::new());
            let job = |index: u32| {
                // Later jobs are quicker, so that products arrive out of order.
                let work = (500 - index) * 100;
                let sum = (0..work).fold(0u32, |sum, next| sum.wrapping_mul(31).wrapping_add(next));
                std::hint::black_box(sum);
                ended.fetch_add(1, Ordering::Relaxed);
                Ok::<u32, String>(index)
            };
            in_order(count, job, |product| {
                seen.push(product);
                Ok(())
            })
            .map_err(untyped)
            .unwrap();
            assert!(seen.into_iter().eq(0..count));
            assert_eq!(ended.into_inner(), count);
        }
    }

    #[test]
    fn no_more_is_under_way_than_the_window() {
        let window = 2 * pool().unwrap().current_num_threads() as u32;
        let (begun, taken) = (AtomicU32::new(0), AtomicU32::new(0));
        let job = |_: u32| {
            let begun = begun.fetch_add(1, Ordering::SeqCst) + 1;
            assert!(begun - taken.load(Ordering::SeqCst) <= window + 1);
            Ok::<(), String>(())
        };
        in_order(200, job, |()| {
            taken.fetch_add(1, Ordering::SeqCst);
            Ok(())
        })
        .map_err(untyped)
        .unwrap();
    }

    #[test]
    fn a_failure_stops_the_rest() {
        let begun = AtomicU32::new(0);
        let job = |index: u32| {
            begun.fetch_add(1, Ordering::Relaxed);
            if index == 3 { Err(format!("job {index} failed")) } else { Ok(index) }
        };
        let error = in_order(100_000, job, |_| Ok(())).map_err(untyped).unwrap_err();
        assert_eq!(error, "job 3 failed");
        assert!(begun.into_inner() < 100_000);
        let alone = in_order(1, |index| Err::<(), _>(format!("job {index} failed")), |()| Ok(()));
        assert_eq!(alone.map_err(untyped).unwrap_err(), "job 0 failed");
    }

    #[test]
    fn a_panic_is_an_error_and_the_pool_lives_on() {
        for (count, bad) in [(10, 5), (1, 0)].repeat(8) {
            let job = |index: u32| {
                assert!(index != bad, "this one is right out");
                Ok::<u32, String>(index)
            };
            let error = in_order(count, job, |_| Ok(())).map_err(untyped).unwrap_err();
            assert_eq!(error, format!("{bad}: this one is right out"));
        }
        products_come_in_order_and_all_jobs_end();
    }

    #[test]
    fn a_writer_that_fails_ends_it() {
        for (count, bad) in [(1000, 2), (1, 0)] {
            let take = |product| {
                if product == bad { Err(PoolError::Io(io::Error::other("disk full"))) } else { Ok(()) }
            };
            let ended = in_order(count, Ok::<u32, String>, take);
            assert_eq!(ended.map_err(untyped).unwrap_err(), "disk full");
        }
    }
}
