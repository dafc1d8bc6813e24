//! One component behind a listener of one's own: the host as a library.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use arc_swap::ArcSwap;

use crate::apps::{App, AppKey, AppName, AppSpec, Entry, Route, Routes, Share};
use crate::compiler::Compiler;
use crate::config::Connections;
use crate::gateway::Gateway;
use crate::log::{AccessLog, AppLogs};
use crate::machine;
use crate::manifest::Settings;
use crate::network::Network;
use crate::sandbox::{DEFAULT_INSTANCES, Engine, TrustedCode};
use crate::server::{self, Listener, Places};
use crate::state::{Cache, Digest};
use crate::tenants::Account;

/// Bytes of compiled code that a cache keeps: some twenty interpreters, or thousands of small applications. Whoever tries
/// each build of one would fill a disk otherwise.
const MOST_CACHED: u64 = 1 << 30;

/// Serves one component, at `/` of every host.
///
/// ```
/// # use std::io::{Read, Write};
/// use wasgi::{Host, server};
///
/// # fn build(output: &std::path::Path) -> anyhow::Result<()> {
/// #     use wasgi::build::{Options, Progress, Toolchain};
/// #     let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
/// #     let (output, target_dir) = (Some(output.to_owned()), Some(root.join("target/guests")));
/// #     let hello = root.join("examples/hello");
/// #     let options = Options { output, target_dir, ..Options::default() };
/// #     Toolchain::find(&hello, Progress::Quiet)?.build(&hello, &options).map(drop)
/// # }
/// # #[tokio::main]
/// # async fn main() -> anyhow::Result<()> {
/// # let folder = tempfile::tempdir()?;
/// # let hello = folder.path().join("hello.wasm");
/// # build(&hello)?;
/// let host = Host::builder().instances(10).component(hello)?;
/// let listener = server::listen("127.0.0.1:0".parse()?)?;
/// let address = listener.local_addr()?;
/// let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
/// let serving = tokio::spawn(async move { host.serve(listener, async { drop(stopped.await) }).await });
///
/// # let answer = tokio::task::spawn_blocking(move || -> std::io::Result<String> {
/// let mut client = std::net::TcpStream::connect(address)?;
/// client.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
/// let mut answer = String::new();
/// client.read_to_string(&mut answer)?;
/// # Ok(answer)
/// # }).await??;
/// assert!(answer.starts_with("HTTP/1.0 200 OK\r\n") && answer.ends_with("Hello, World!\n"));
///
/// drop(stop);
/// serving.await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Host {
    gateway: Arc<Gateway>,
    places: Arc<Places>,
    drain: Duration,
    logs: AppLogs,
}

/// How a [`Host`] is made.
pub struct Builder {
    settings: Settings,
    instances: u32,
    access_log: AccessLog,
    logs: Option<AppLogs>,
    trusted_proxies: Vec<Network>,
    connections: Connections,
    drain: Duration,
    mount: String,
    cache: Option<PathBuf>,
    compiler: Compiler,
}

impl Host {
    /// A host with every setting at its default.
    pub fn builder() -> Builder {
        Builder {
            settings: Settings::default(),
            instances: DEFAULT_INSTANCES,
            access_log: AccessLog::none(),
            logs: None,
            trusted_proxies: Vec::new(),
            connections: Connections::default(),
            drain: Duration::from_secs(30),
            mount: "/".to_owned(),
            cache: None,
            compiler: Compiler::here(),
        }
    }

    /// Serves connections from `listener` until `shutdown` completes and what was in flight is
    /// done.
    pub async fn serve<L: Listener>(&self, listener: L, shutdown: impl Future<Output = ()>) {
        // Made when it is polled: it counts from then.
        let limit = async { tokio::time::sleep(self.drain).await };
        server::serve(self.gateway.clone(), listener, self.places.clone(), shutdown, limit).await;
    }

    /// Waits until the access log and the application's are written, for a second each at most. Blocks; for the end of a
    /// process.
    pub fn flush_logs(&self) {
        self.gateway.access_log().flush(Duration::from_secs(1));
        self.logs.flush(Duration::from_secs(1));
    }

    /// What answers each request; for those who bring their own HTTP.
    pub fn gateway(&self) -> &Arc<Gateway> {
        &self.gateway
    }
}

impl Builder {
    /// What a manifest would say: limits, reuse, environment variables. Its routes don't matter.
    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Builder {
        self.settings = settings;
        self
    }

    /// How many instances may live at once.
    #[must_use]
    pub fn instances(mut self, instances: u32) -> Builder {
        self.instances = instances;
        self
    }

    /// Where each request gets a line; nowhere by default.
    #[must_use]
    pub fn access_log(mut self, access_log: AccessLog) -> Builder {
        self.access_log = access_log;
        self
    }

    /// Where stdout, stderr and `wsgi.errors` of the application go; standard error by default.
    #[must_use]
    pub fn logs(mut self, logs: AppLogs) -> Builder {
        self.logs = Some(logs);
        self
    }

    /// Peers whose Forwarded and X-Forwarded-* headers are believed; nobody by default.
    #[must_use]
    pub fn trusted_proxies(mut self, proxies: Vec<Network>) -> Builder {
        self.trusted_proxies = proxies;
        self
    }

    /// How many connections there may be, how long their phases, and how slow their clients.
    #[must_use]
    pub fn connections(mut self, connections: Connections) -> Builder {
        self.connections = connections;
        self
    }

    /// How long requests in flight may go on after the shutdown signal; 30 s by default.
    #[must_use]
    pub fn drain(mut self, drain: Duration) -> Builder {
        self.drain = drain;
        self
    }

    /// The path under which the application is, its SCRIPT_NAME; `/` by default.
    #[must_use]
    pub fn mount(mut self, path: &str) -> Builder {
        path.clone_into(&mut self.mount);
        self
    }

    /// A folder that keeps compiled code for the next process, if there is one. Whoever can write
    /// there can run code in this process: it is made for its owner alone. One that can't be used is
    /// done without.
    #[must_use]
    pub fn cache(mut self, folder: Option<PathBuf>) -> Builder {
        self.cache = folder;
        self
    }

    /// How the component is compiled: in this process by default; in a child process under limits with
    /// [`Compiler::child`], which names the command `wasgi`.
    #[must_use]
    pub fn compiler(mut self, compiler: Compiler) -> Builder {
        self.compiler = compiler;
        self
    }

    /// Reads and compiles the component at `path`; its name is the application's.
    ///
    /// # Errors
    /// Where it can't be read, or isn't an application.
    pub fn component(self, path: impl AsRef<Path>) -> Result<Host> {
        let path = path.as_ref();
        let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("application");
        let bytes = std::fs::read(path).with_context(|| format!("reading the component {}", path.display()))?;
        self.bytes(name, &bytes).with_context(|| format!("serving {}", path.display()))
    }

    /// Compiles a component that is in memory already.
    ///
    /// # Errors
    /// Where it isn't an application.
    pub fn bytes(self, name: &str, component: &[u8]) -> Result<Host> {
        let engine = Engine::new(self.instances)?;
        let code = engine.load(&compiled(&engine, &self.compiler, component, self.cache.as_deref())?)?;
        let logs = self.logs.map_or_else(|| AppLogs::to(std::io::stderr()), Ok).context("starting the log's thread")?;
        let key = AppKey::of_default(AppName::new(name)?);
        // One application is all there is, and its own limits are those of everything.
        let account = Account::unlimited();
        let app = App::new(AppSpec {
            log: logs.of(&key, account.clone()),
            account,
            key,
            // As a server names it where there is no manifest.
            version: Digest::of_version(&Digest::of(component), "").short().into(),
            settings: self.settings,
            stats: Arc::default(),
            share: Share::whole(self.instances),
            loader: Arc::new(move || {
                let code = code.clone();
                Box::pin(async move { Ok(code) })
            }),
        });
        let mut routes = Routes::default();
        let mount = if self.mount.is_empty() { "/" } else { &self.mount };
        let route = mount.parse::<Route>().with_context(|| format!("mounting the application at {mount:?}"))?;
        routes.insert(&route, Entry::Serving(app));
        let published = Arc::new(ArcSwap::from_pointee(routes));
        self.access_log.start()?;
        let gateway = Gateway::new(engine, published, self.access_log, self.trusted_proxies);
        let most = self.connections.most(machine::open_files(), machine::memory());
        Ok(Host { gateway, places: Places::new(self.connections, most), drain: self.drain, logs })
    }
}

/// From the cache, or compiled now.
fn compiled(engine: &Engine, compiler: &Compiler, component: &[u8], cache: Option<&Path>) -> Result<TrustedCode> {
    let cache = cache.and_then(|folder| Cache::open(folder, &engine.fingerprint()).ok());
    let digest = Digest::of(component);
    if let Some((cache, code)) = cache.as_ref().and_then(|cache| Some((cache, cache.get(&digest)?))) {
        cache.touch(&digest);
        return Ok(code);
    }
    let code = compiler.compile(&engine.fingerprint(), component, || true)?;
    Ok(match cache {
        Some(cache) => {
            let (code, _) = cache.put(&digest, code);
            let _ = cache.bound(MOST_CACHED);
            code
        }
        // Compiled a moment ago, and in nobody else's hands since.
        None => TrustedCode::vouch(code),
    })
}
