//! The zygote's actor. Owns: the zygote process and its control socket. Hears: that the process ended. Says: nothing.
//! Dies when: the process ends (crash; its workers die with it). Restart: permanent, by the pool's supervisor.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use busker_kit::ractor::{Actor, ActorProcessingErr, ActorRef, Message};
use busker_kit::{Backoff, ChildSpec, Crash, Pump, Seat};
use busker_model::ActorState;
use bytes::BytesMut;
use nix::sys::signal::Signal;
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt, Interest};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};

use super::{Condition, Exit, ForkOrder, MAX_ORDERS, Zygote};
use crate::embedded;
use crate::interpreter::{self, Interpreter};
use crate::wire::read_some;

/// Time between two looks for an interpreter while there is none.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// The zygote's descriptor of its control socket: standard input, which a child gets without any unsafe call.
const CONTROL_FD: &str = "0";
/// Longest line of output taken as one line, in bytes.
const MAX_LINE: usize = 16 * 1024;
/// Longest line of the zygote's control socket, in bytes.
const MAX_CONTROL_LINE: usize = 4096;

/// The zygote as a child of its pool's supervisor.
pub(crate) fn zygote_spec(zygote: Arc<Zygote>) -> ChildSpec {
    let backoff = Backoff {
        first: Duration::from_millis(100),
        max: Duration::from_secs(10),
        ..Backoff::default()
    };
    ChildSpec::actor("zygote", "zygote", move |seat| {
        (
            ZygoteActor,
            ZygoteArgs {
                seat,
                zygote: Arc::clone(&zygote),
            },
        )
    })
    .backoff(backoff)
}

#[derive(Debug)]
struct ZygoteActor;

#[derive(Debug)]
struct ZygoteArgs {
    seat: Seat,
    zygote: Arc<Zygote>,
}

#[derive(Debug)]
enum ZygoteMessage {
    /// The process ended.
    Ended(String),
}

impl Message for ZygoteMessage {}

#[derive(Debug)]
struct ZygoteState {
    zygote: Arc<Zygote>,
    /// Owns the process: it is killed when this is dropped.
    _life: Pump,
}

impl Actor for ZygoteActor {
    type Msg = ZygoteMessage;
    type State = ZygoteState;
    type Arguments = ZygoteArgs;

    async fn pre_start(
        &self,
        me: ActorRef<ZygoteMessage>,
        args: ZygoteArgs,
    ) -> Result<ZygoteState, ActorProcessingErr> {
        let zygote = Arc::clone(&args.zygote);
        let life = Pump::spawn("zygote", async move {
            let why = live(&args.zygote, &args.seat).await;
            // A stopped actor has no use for the news.
            drop(me.cast(ZygoteMessage::Ended(why)));
        });
        Ok(ZygoteState {
            zygote,
            _life: life,
        })
    }

    async fn handle(
        &self,
        _me: ActorRef<ZygoteMessage>,
        message: ZygoteMessage,
        state: &mut ZygoteState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            ZygoteMessage::Ended(why) => Err(state.on_ended(why).into()),
        }
    }
}

impl ZygoteState {
    fn on_ended(&self, why: String) -> Crash {
        self.zygote.bury_workers();
        self.zygote.set(Condition::Down(why.clone()));
        Crash::new(why).backtrace(self.zygote.stderr.text())
    }
}

/// Finds an interpreter, starts the process and serves forks until it ends. Returns why it did.
async fn live(zygote: &Arc<Zygote>, seat: &Seat) -> String {
    let interpreter = find(zygote, seat).await;
    let (mut child, control) = match start(zygote, &interpreter) {
        Ok(started) => started,
        Err(error) => return format!("the Python process could not be started: {error}"),
    };
    let _output =
        [
            child.stdout.take().map(|pipe| {
                Pump::spawn("python stdout", copy_lines(pipe, Arc::clone(zygote), false))
            }),
            child.stderr.take().map(|pipe| {
                Pump::spawn("python stderr", copy_lines(pipe, Arc::clone(zygote), true))
            }),
        ];
    let (orders, queue) = mpsc::channel(MAX_ORDERS);
    zygote.set(Condition::Up {
        interpreter,
        orders,
    });
    seat.state(ActorState::Running, None);
    let why = serve(zygote, &control, queue).await;
    match child.try_wait() {
        Ok(Some(status)) => format!("the zygote ended: {status}"),
        Ok(None) | Err(_) => format!("the zygote is of no use any more: {why}"),
    }
}

/// A missing interpreter is a state, not a crash: somebody may install it while we look.
async fn find(zygote: &Arc<Zygote>, seat: &Seat) -> Interpreter {
    loop {
        match interpreter::find(&zygote.config).await {
            Ok(interpreter) => return interpreter,
            Err(fault) => {
                seat.state(
                    ActorState::Degraded,
                    Some(&format!("python-missing: {}", fault.message)),
                );
                zygote.set(Condition::Missing(fault));
            }
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Starts the process; its standard input is its end of the control socket.
fn start(zygote: &Zygote, interpreter: &Interpreter) -> io::Result<(Child, UnixStream)> {
    let home = embedded::unpack(&zygote.config.data_dir)?;
    let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    let control = UnixStream::from_std(ours)?;
    let child = Command::new(&interpreter.path)
        .args(["-E", "-s"])
        .arg(home.join("busker/_host/zygote.py"))
        .arg(CONTROL_FD)
        .current_dir(&home)
        .env_clear()
        .envs(zygote.config.worker_environment())
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    Ok((child, control))
}

/// One line of the zygote.
#[derive(Debug, Deserialize)]
struct Line {
    #[serde(default)]
    pid: Option<i32>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    exited: Option<i32>,
    #[serde(default)]
    signal: Option<i32>,
    #[serde(default)]
    code: Option<i32>,
}

type Reply = oneshot::Sender<Result<i32, String>>;

/// One fork at a time: each takes a few milliseconds, and answers need no names then.
async fn serve(
    zygote: &Zygote,
    control: &UnixStream,
    mut queue: mpsc::Receiver<ForkOrder>,
) -> String {
    let mut buffer = BytesMut::new();
    let mut asked: Option<Reply> = None;
    loop {
        tokio::select! {
            Some(order) = queue.recv(), if asked.is_none() => {
                if let Err(error) = send(control, &order).await {
                    return format!("its control socket failed: {error}");
                }
                asked = Some(order.reply);
            }
            read = read_some(control, &mut buffer) => match read {
                Ok(0) => return "it closed its control socket".to_owned(),
                Ok(_) => {}
                Err(error) => return format!("its control socket failed: {error}"),
            },
        }
        while let Some(end) = buffer.iter().position(|&byte| byte == b'\n') {
            let line = buffer.split_to(end + 1);
            match serde_json::from_slice(&line) {
                Ok(line) => zygote.hear(line, &mut asked),
                Err(error) => return format!("it says what cannot be read: {error}"),
            }
        }
        if buffer.len() > MAX_CONTROL_LINE {
            return "it says a line without an end".to_owned();
        }
    }
}

impl Zygote {
    /// Workers die with their zygote, and nobody else says how they ended; their numbers may be others' soon.
    fn bury_workers(&self) {
        let killed = Exit {
            signal: Some(Signal::SIGKILL as i32),
            code: None,
        };
        for mut exit in self.exits.iter_mut() {
            exit.get_or_insert(killed);
        }
        self.exited.notify_waiters();
    }

    fn hear(&self, line: Line, asked: &mut Option<Reply>) {
        if let Some(pid) = line.exited {
            // Only for children somebody still owns.
            if let Some(mut exit) = self.exits.get_mut(&pid) {
                *exit = Some(Exit {
                    signal: line.signal,
                    code: line.code,
                });
            }
            self.exited.notify_waiters();
            return;
        }
        let Some(reply) = asked.take() else { return };
        let answer = match (line.pid, line.error) {
            (Some(pid), _) => {
                self.exits.insert(pid, None);
                Ok(pid)
            }
            (None, why) => Err(why.unwrap_or_else(|| "it did not say why".to_owned())),
        };
        // Nobody waits any more: the worker sees its socket closed and ends.
        if let Err(Ok(pid)) = reply.send(answer) {
            self.exits.remove(&pid);
        }
    }
}

/// Sends a line and the worker's socket with it.
async fn send(control: &UnixStream, order: &ForkOrder) -> io::Result<()> {
    let parts = [io::IoSlice::new(&order.line)];
    let sockets = [order.socket.as_raw_fd()];
    let rights = [ControlMessage::ScmRights(&sockets)];
    let sent = control
        .async_io(Interest::WRITABLE, || {
            sendmsg::<()>(
                control.as_raw_fd(),
                &parts,
                &rights,
                MsgFlags::MSG_NOSIGNAL,
                None,
            )
            .map_err(io::Error::from)
        })
        .await?;
    if sent == order.line.len() {
        Ok(())
    } else {
        Err(io::ErrorKind::WriteZero.into())
    }
}

/// Passes on what the zygote and the C code in workers print.
async fn copy_lines(mut pipe: impl AsyncRead + Unpin, zygote: Arc<Zygote>, keep: bool) {
    let mut line = BytesMut::new();
    loop {
        let count = pipe.read_buf(&mut line).await.unwrap_or(0);
        while let Some(end) = line.iter().position(|&byte| byte == b'\n') {
            say(&zygote, &line.split_to(end + 1), keep);
        }
        if count == 0 || line.len() > MAX_LINE {
            say(&zygote, &line.split(), keep);
        }
        if count == 0 {
            return;
        }
    }
}

fn say(zygote: &Zygote, line: &[u8], keep: bool) {
    let text = String::from_utf8_lossy(line);
    let text = text.trim_end();
    if text.is_empty() {
        return;
    }
    if keep {
        zygote.stderr.push(text);
    }
    tracing::info!(target: "service", stream = if keep { "stderr" } else { "stdout" }, "{text}");
}
