//! Putting it together: configuration → engine, deploys, listeners, signals. Everything is
//! checked, and every port bound, before anything is served.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use arc_swap::ArcSwap;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{error, info, warn};

use crate::admin;
use crate::apps::Routes;
use crate::compiler::Compiler;
use crate::config::Config;
use crate::deploy::{self, Deploys, Notice, Source};
use crate::gateway::Gateway;
use crate::log::{AccessLog, LogFormat, Sink};
use crate::machine;
use crate::policy::{self, Confinement, Reach};
use crate::sandbox::{self, Engine};
use crate::server::{self, Certificate, Places, TlsListener};
use crate::state;
use crate::tenants::Pool;

/// Told the URLs that a server listens on.
pub type Listening = Box<dyn Fn(&[String]) + Send>;

/// What is told of a server's life.
pub struct Output {
    /// Called once, with the URLs that it listens on.
    pub listening: Listening,
    /// Called with every deploy, refusal and removal.
    pub deploy: Box<dyn Fn(&Notice) + Send>,
    /// Where both write, if that is lines of standard output.
    lines: Option<Sink>,
}

/// What the host says of itself may wait to be read, up to so many bytes.
const MOST_SAID: usize = 1 << 20;

/// At its end a server waits so long for each of its logs to be written.
const LAST_LINES: Duration = Duration::from_secs(1);

/// A server that runs.
pub struct Server {
    runtime: Runtime,
    listening: JoinSet<()>,
    phase: watch::Sender<Phase>,
    signals: Signals,
    control: Control,
    said: Vec<Sink>,
}

/// How far its end has come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Serving,
    Draining,
    /// What is left is cut.
    Ending,
}

/// What signals act on.
struct Control {
    gateway: Arc<Gateway>,
    deploys: Arc<Deploys>,
    certificate: Option<Certificate>,
    config_path: Option<PathBuf>,
    overrides: Box<dyn Fn(Config) -> Config + Send>,
}

/// Starts serving `path` as the file `config` says, and `overrides` after it.
///
/// # Errors
/// What is wrong with any of it; nothing was started then.
pub fn start(
    path: &Path,
    config_path: Option<&Path>,
    overrides: impl Fn(Config) -> Config + Send + 'static,
    output: Output,
    confinement: Confinement,
) -> Result<Server> {
    let config = overrides(read_config(config_path)?);
    let said = [Some(start_logging(config.log.format)), output.lines.clone()];
    let source = Source::of(path)?;
    let root = config.state.clone().map_or_else(state::default_root, Ok)?;
    let certificate = match &config.tls {
        Some(tls) => Some(Certificate::read(&tls.cert, &tls.key)?),
        None => None,
    };
    // Before anything is made: a port that is taken leaves nothing behind.
    let sockets = bind(&config.listen)?;
    let access_log = AccessLog::open(&config.access_log.path, config.access_log.format)?;
    let state_folder = state::make_folder(&root, source.path())?;
    // From here on there are threads, each with the rights that the first one has now.
    if let Some(missing) = policy::confine_server(confinement, &reach(&config, config_path, &source, state_folder))? {
        warn!("a guest that breaks out of its sandbox is less confined than it could be: {missing}");
    }
    access_log.start()?;
    let said: Vec<_> = said.into_iter().flatten().collect();
    said.iter().try_for_each(|sink| sink.start("host-log"))?;
    let machine = machine::memory();
    let instances = config.instances.unwrap_or_else(|| sandbox::instances_for(machine));
    let engine = Engine::new(instances)
        .with_context(|| format!("making room for {instances} instances (`instances` in the configuration)"))?;
    if let Some(missing) = engine.missing() {
        warn!("{missing}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting the runtime")?;
    let entered = runtime.enter();
    // Before anybody is told that it listens: whoever reads that may send one.
    let signals = Signals::new().context("listening to signals")?;
    let listeners = sockets.into_iter().map(TcpListener::from_std).collect::<std::io::Result<Vec<_>>>();
    let listeners = listeners.context("handing the listening sockets to the runtime")?;
    let published = Arc::new(ArcSwap::from_pointee(Routes::default()));
    let gateway = Gateway::new(engine.clone(), published.clone(), access_log, config.trusted_proxies.clone());
    let scheme = if certificate.is_some() { "https" } else { "http" };
    let memory = Pool::of_host(config.memory.of(machine));
    let options = deploy::Options {
        source,
        state: root,
        limits: config.limits,
        quotas: config.quotas.clone(),
        memory,
        compiler: Compiler::own(config.compile),
        report: output.deploy,
    };
    let prepared = deploy::prepare(engine, published, options, runtime.handle())?;
    let questions = admin::listen(prepared.state())?;
    let addresses = listeners.iter().filter_map(|listener| listener.local_addr().ok());
    let urls = addresses.map(|address| format!("{scheme}://{address}")).collect::<Vec<_>>();
    // The last that can fail is the thread of the deploys, so that one tells: that it listens, and then each deploy.
    let deploys = Arc::new(prepared.start(move || (output.listening)(&urls))?);
    admin::serve(questions, deploys.clone());
    drop(entered);
    let (phase, phases) = watch::channel(Phase::Serving);
    let listening = accept(&runtime, listeners, certificate.as_ref(), &gateway, &phases, &config);
    let control = Control {
        gateway,
        deploys,
        certificate,
        config_path: config_path.map(Path::to_owned),
        overrides: Box::new(overrides),
    };
    Ok(Server { runtime, listening, phase, signals, control, said })
}

impl Server {
    /// Serves until SIGTERM or SIGINT, and drains then; a second signal ends it at once.
    pub fn wait(self) {
        let Server { runtime, mut listening, phase, mut signals, control, said } = self;
        runtime.block_on(async {
            while signals.reload_or_end().await == Asked::Reload {
                control.reload();
            }
            let _ = phase.send(Phase::Draining);
            let ended = async { while listening.join_next().await.is_some() {} };
            let mut ended = std::pin::pin!(ended);
            tokio::select! {
                () = &mut ended => return info!("drained"),
                () = signals.end() => warn!("ended by a second signal"),
            }
            let _ = phase.send(Phase::Ending);
            ended.await;
        });
        control.deploys.stop();
        control.gateway.access_log().flush(LAST_LINES);
        said.iter().for_each(|sink| sink.flush(LAST_LINES));
        runtime.shutdown_background();
    }
}

#[derive(PartialEq, Eq)]
enum Asked {
    Reload,
    End,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn reload_or_end(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::End,
            _ = self.interrupt.recv() => Asked::End,
            _ = self.hangup.recv() => Asked::Reload,
        }
    }

    async fn end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

impl Control {
    /// SIGHUP: what can change while serving does; a bad file leaves the old one in force.
    fn reload(&self) {
        let config = match read_config(self.config_path.as_deref()) {
            Ok(config) => (self.overrides)(config),
            Err(error) => return error!("the configuration stays as it is: {error:#}"),
        };
        if let (Some(certificate), Some(tls)) = (&self.certificate, &config.tls)
            && let Err(error) = certificate.reload(&tls.cert, &tls.key)
        {
            return error!("the configuration stays as it is: {error:#}");
        }
        if let Err(error) = self.gateway.access_log().reopen() {
            error!(%error, "the access log can't be opened again and stays as it is");
        }
        self.gateway.trust(config.trusted_proxies);
        self.deploys.set_limits(config.limits, config.quotas);
        info!("read again and in force: trusted_proxies, limits, tenants, certificate; anything else needs a restart");
    }
}

impl Output {
    /// To standard output: `listening on …`, then a line for each deploy.
    pub fn lines() -> Output {
        let sink = Sink::new(Box::new(std::io::stdout()), MOST_SAID, Duration::ZERO);
        let [listening, deploy] = [(); 2].map(|()| sink.clone());
        Output {
            listening: Box::new(move |urls| {
                urls.iter().for_each(|url| say(&listening, format_args!("listening on {url}")))
            }),
            deploy: Box::new(move |notice| say(&deploy, format_args!("{notice}"))),
            lines: Some(sink),
        }
    }

    /// To whoever is called, who must not keep the caller waiting.
    pub fn to(listening: Listening, deploy: Box<dyn Fn(&Notice) + Send>) -> Output {
        Output { listening, deploy, lines: None }
    }
}

fn say(sink: &Sink, line: std::fmt::Arguments<'_>) {
    sink.push(|lines, _| *lines += &format!("{line}\n"));
}

fn read_config(path: Option<&Path>) -> Result<Config> {
    path.map_or_else(|| Ok(Config::default()), Config::read)
}

fn bind(addresses: &[SocketAddr]) -> Result<Vec<std::net::TcpListener>> {
    let mut sockets = Vec::new();
    for address in addresses {
        let bound = server::bind(*address);
        sockets.push(bound.with_context(|| format!("listening on {address} (`--listen` names another address)"))?);
    }
    if sockets.is_empty() {
        bail!("there is no address to listen on");
    }
    Ok(sockets)
}

fn accept(
    runtime: &Runtime,
    listeners: Vec<TcpListener>,
    certificate: Option<&Certificate>,
    gateway: &Arc<Gateway>,
    phases: &watch::Receiver<Phase>,
    config: &Config,
) -> JoinSet<()> {
    let most = config.connections.most(machine::raise_open_files(), machine::memory());
    let (places, drain) = (Places::new(config.connections, most), config.drain);
    let mut listening = JoinSet::new();
    for listener in listeners {
        let stop = reached(phases.clone(), Phase::Draining);
        let ending = reached(phases.clone(), Phase::Ending);
        let limit = async move {
            let _ = tokio::time::timeout(drain, ending).await;
        };
        let gateway = gateway.clone();
        match certificate.cloned() {
            None => listening.spawn_on(server::serve(gateway, listener, places.clone(), stop, limit), runtime.handle()),
            Some(certificate) => {
                let listener = TlsListener::new(listener, certificate, config.connections.handshake);
                listening.spawn_on(server::serve(gateway, listener, places.clone(), stop, limit), runtime.handle())
            }
        };
    }
    listening
}

async fn reached(mut phases: watch::Receiver<Phase>, phase: Phase) {
    let _ = phases.wait_for(|now| *now >= phase).await;
}

/// What the server goes on using of the file system.
fn reach(config: &Config, config_path: Option<&Path>, source: &Source, state: PathBuf) -> Reach {
    let mut reach = Reach::default();
    // The served directory may be replaced by another of its name, so what counts is where it lies.
    reach.read.push(source.dir().parent().unwrap_or(source.dir()).to_owned());
    reach.own.push(state);
    config_path.into_iter().for_each(|file| reach.reads_again(file));
    if let Some(tls) = &config.tls {
        [&tls.cert, &tls.key].into_iter().for_each(|file| reach.reads_again(file));
    }
    if config.access_log.path != Path::new("-") {
        reach.appends_again(&config.access_log.path);
    }
    reach
}

/// The host's own log: to standard error, as `RUST_LOG` asks for; `info` without it.
fn start_logging(format: LogFormat) -> Sink {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,wasgi=info"));
    let colour = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let sink = Sink::new(Box::new(std::io::stderr()), MOST_SAID, Duration::ZERO);
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colour).with_writer(sink.clone());
    let _ = match format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    sink
}
