//! One external program: lines in, lines out, with a limit on the time of every exchange.
//!
//! Pipes block, so three small threads stand between them and the evaluating thread: one writes standard input, one
//! reads lines from standard output, one keeps the end of standard error. None is ever joined: they end when their pipe
//! does, which killing the program brings about.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// What standard error is remembered by, in bytes.
const TAIL: usize = 4096;

/// How a program is started.
#[derive(Clone, Debug)]
pub(super) struct Recipe {
    pub(super) program: Vec<String>,
    pub(super) directory: Option<PathBuf>,
    pub(super) longest_line: usize,
}

/// All programs that are running, so that they can be ended from any thread.
#[derive(Debug, Default)]
pub(super) struct Census {
    closed: AtomicBool,
    running: Mutex<BTreeSet<u32>>,
}

impl Census {
    pub(super) fn closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Ends all programs and lets no new one start.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        // A program is reaped only after it has left the set, so no number here can belong to a stranger.
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.iter().for_each(|&id| kill_group(id));
    }
}

/// Ends the program and what it has started itself.
fn kill_group(id: u32) {
    #[cfg(unix)]
    if let Some(group) = i32::try_from(id).ok().and_then(rustix::process::Pid::from_raw) {
        // The group may be gone already.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    #[cfg(not(unix))]
    let _ = id;
}

/// Why there is no line.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Silence {
    /// The program ended; how, and the end of its standard error.
    Ended(String),
    /// Nothing within the limit.
    TimedOut,
    /// A line longer than the limit, or one that is not UTF-8.
    Unreadable(String),
}

enum Output {
    Line(String),
    Unreadable(String),
}

/// A running program.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    census: Arc<Census>,
    input: Sender<Vec<u8>>,
    output: Receiver<Output>,
    errors: Arc<Mutex<Vec<u8>>>,
    listener: thread::JoinHandle<()>,
    /// Lines received so far.
    pub(super) lines: u64,
}

impl Process {
    /// Starts the program; says nothing to it yet.
    pub(super) fn start(recipe: &Recipe, census: &Arc<Census>) -> std::io::Result<Self> {
        let mut command = Command::new(&recipe.program[0]);
        command.args(&recipe.program[1..]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(directory) = &recipe.directory {
            command.current_dir(directory);
        }
        // A group of its own: Ctrl-C at the terminal reaches only us, who then end the round in good order.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut running = census.running.lock().unwrap_or_else(PoisonError::into_inner);
        if census.closed() {
            return Err(std::io::Error::other("the run was interrupted"));
        }
        let mut child = command.spawn()?;
        running.insert(child.id());
        drop(running);

        let (input, lines_in) = channel::<Vec<u8>>();
        let mut stdin = child.stdin.take().expect("piped");
        thread::spawn(move || {
            while let Ok(line) = lines_in.recv() {
                if stdin.write_all(&line).and_then(|()| stdin.flush()).is_err() {
                    break;
                }
            }
        });
        // Bounded, so that a program that never stops talking is stopped by its full pipe.
        let (lines_out, output) = sync_channel(4);
        let stdout = child.stdout.take().expect("piped");
        let longest = recipe.longest_line;
        thread::spawn(move || read_lines(BufReader::new(stdout), longest, &lines_out));
        let errors = Arc::new(Mutex::new(Vec::new()));
        let (tail, mut stderr) = (errors.clone(), child.stderr.take().expect("piped"));
        let listener = thread::spawn(move || {
            let mut buffer = [0; 1024];
            while let Ok(n @ 1..) = stderr.read(&mut buffer) {
                let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
                tail.extend_from_slice(&buffer[..n]);
                let surplus = tail.len().saturating_sub(TAIL);
                tail.drain(..surplus);
            }
        });
        Ok(Process { child, census: census.clone(), input, output, errors, listener, lines: 0 })
    }

    /// Writes a line and waits for one. After an error the process is of no further use.
    pub(super) fn exchange(&mut self, line: Vec<u8>, limit: Duration) -> Result<String, Silence> {
        // If the writer is gone so is the program, and the output says how.
        let _ = self.input.send(line);
        match self.output.recv_timeout(limit) {
            Ok(Output::Line(line)) => {
                self.lines += 1;
                Ok(line)
            }
            Ok(Output::Unreadable(what)) => Err(Silence::Unreadable(what)),
            Err(RecvTimeoutError::Timeout) => Err(Silence::TimedOut),
            Err(RecvTimeoutError::Disconnected) => Err(Silence::Ended(self.obituary())),
        }
    }

    /// How the program ended, with the end of its standard error. It has closed its standard output already.
    fn obituary(&mut self) -> String {
        let patience = Instant::now() + Duration::from_millis(500);
        let mut status = None;
        while Instant::now() < patience {
            status = self.child.try_wait().ok().flatten();
            if status.is_some() && self.listener.is_finished() {
                break;
            }
            thread::sleep(Duration::from_millis(2));
        }
        let mut text = status.map_or("it closed its standard output".to_string(), |s| s.to_string());
        if let Some(last) = self.last_words() {
            text.push_str("; its last words on standard error: ");
            text.push_str(&last);
        }
        text
    }

    /// The end of standard error, if there is anything.
    pub(super) fn last_words(&self) -> Option<String> {
        let tail = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&tail);
        let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|l| !l.is_empty()).collect();
        let last = lines[lines.len().saturating_sub(8)..].join("\n");
        (!last.is_empty()).then_some(last)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        kill_group(self.child.id());
        let _ = self.child.kill();
        self.census.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.child.id());
        let _ = self.child.wait();
    }
}

/// Sends lines without their ends until there are no more, one is unreadable, or nobody listens.
fn read_lines(mut pipe: impl BufRead, longest: usize, out: &SyncSender<Output>) {
    loop {
        let mut line = Vec::new();
        match pipe.by_ref().take(longest as u64 + 1).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        while line.last().is_some_and(|&b| b == b'\n' || b == b'\r') {
            line.pop();
        }
        let message = if line.len() > longest {
            Output::Unreadable(format!("a line of more than {longest} bytes"))
        } else {
            match String::from_utf8(line) {
                // Blank lines are harmless.
                Ok(line) if line.trim().is_empty() => continue,
                Ok(line) => Output::Line(line),
                Err(_) => Output::Unreadable("a line that is not UTF-8".into()),
            }
        };
        let last = matches!(message, Output::Unreadable(_));
        if out.send(message).is_err() || last {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8], longest: usize) -> Vec<String> {
        let (out, lines) = sync_channel(100);
        read_lines(bytes, longest, &out);
        drop(out);
        lines
            .iter()
            .map(|o| match o {
                Output::Line(line) => line,
                Output::Unreadable(what) => format!("! {what}"),
            })
            .collect()
    }

    #[test]
    fn lines_of_all_kinds() {
        assert_eq!(lines(b"a\n\n \r\nbc\r\nd", 10), ["a", "bc", "d"]);
        assert_eq!(
            lines(b"1234567890\n12345678901\nx\n", 10),
            ["1234567890", "! a line of more than 10 bytes"]
        );
        assert_eq!(lines(b"\xff\nx\n", 10), ["! a line that is not UTF-8"]);
        assert!(lines(b"", 10).is_empty());
    }
}
