//! What `start` can say of an app.

use clap::Args;
use config::StartFlags;

/// Flags of `start` that describe the app. Their values are read by `config`, by the same rules as in a file.
#[derive(Debug, Clone, Default, Args)]
pub struct AppFlags {
    /// Name of the app [default: the stem of the script or program]
    #[arg(long, short)]
    pub name: Option<String>,
    /// How many to run: a number, cpu, cpu-1, cpu/2 [default: 1]
    #[arg(long, short, value_name = "N")]
    pub instances: Option<String>,
    /// Port that it binds, as PORT and {{port}}: 3000, one for each of 3000-3003, auto, auto:5000-5100
    #[arg(long, value_name = "PORT")]
    pub port: Option<String>,
    /// Working directory [default: this one]
    #[arg(long, value_name = "DIR")]
    pub cwd: Option<String>,
    /// Set a variable; may be given several times
    #[arg(long, value_name = "K=V", value_parser = variable)]
    pub env: Vec<(String, String)>,
    /// Read variables from a file; may be given several times
    #[arg(long, value_name = "FILE")]
    pub env_file: Vec<String>,
    /// When to run it again after it ended: always, on-failure or never [default: on-failure]
    #[arg(long, value_name = "WHEN")]
    pub restart: Option<String>,
    /// Give up after so many restarts in a row
    #[arg(long, value_name = "N")]
    pub max_restarts: Option<String>,
    /// Never restart sooner than this, for example 5s; a bare number is seconds
    #[arg(long, value_name = "SPAN")]
    pub restart_delay: Option<String>,
    /// Pause before the first life
    #[arg(long, value_name = "SPAN")]
    pub start_delay: Option<String>,
    /// Signal that asks it to end [default: SIGTERM]
    #[arg(long, value_name = "SIGNAL")]
    pub kill_signal: Option<String>,
    /// How long it may take to end before it is killed [default: 10s]
    #[arg(long, value_name = "SPAN")]
    pub stop_timeout: Option<String>,
    /// Label, and selector ns:NAME [default: default]
    #[arg(long, value_name = "NAME")]
    pub namespace: Option<String>,
    /// Run the command through /bin/sh -c
    #[arg(long)]
    pub shell: bool,
    /// What stands in log files: raw, text or json [default: raw]
    #[arg(long, value_name = "WORD")]
    pub log_format: Option<String>,
    /// A log file that takes both streams, in addition to their own
    #[arg(long, value_name = "FILE")]
    pub log_file: Option<String>,
    /// Log file of standard output; none discards it [default: below the home]
    #[arg(long, value_name = "FILE")]
    pub out_file: Option<String>,
    /// Log file of standard error; none discards it [default: below the home]
    #[arg(long, value_name = "FILE")]
    pub err_file: Option<String>,
    /// Send standard error to where standard output goes
    #[arg(long)]
    pub merge_logs: bool,
    /// Rotate a log file at this size, for example 20M; 0 = never [default: 20M]
    #[arg(long, value_name = "SIZE")]
    pub log_max_size: Option<String>,
    /// Keep so many rotated log files [default: 5]
    #[arg(long, value_name = "N")]
    pub log_max_files: Option<String>,
    /// Remove rotated log files at this age; none = never [default: 14d]
    #[arg(long, value_name = "SPAN")]
    pub log_max_age: Option<String>,
    /// How rotated log files are compressed: gzip or none [default: gzip]
    #[arg(long, value_name = "WORD")]
    pub log_compress: Option<String>,
    /// When a log cannot take more: block (the app waits) or drop [default: block]
    #[arg(long, value_name = "WORD")]
    pub log_overflow: Option<String>,
    /// Healthy while this command ends with 0
    #[arg(long, value_name = "CMD")]
    pub health_cmd: Option<String>,
    /// Healthy while a GET of this URL has a good answer
    #[arg(long, value_name = "URL")]
    pub health_http: Option<String>,
    /// Healthy while this address, or port of this machine, accepts a connection
    #[arg(long, value_name = "HOST:PORT")]
    pub health_tcp: Option<String>,
    /// From one health check to the next [default: 30s]
    #[arg(long, value_name = "SPAN")]
    pub health_interval: Option<String>,
    /// How long an answer may take [default: 5s]
    #[arg(long, value_name = "SPAN")]
    pub health_timeout: Option<String>,
    /// So many bad answers in a row make it unhealthy [default: 3]
    #[arg(long, value_name = "N")]
    pub health_max_failures: Option<String>,
    /// Restart it when its processes use more memory than this, for example 256M
    #[arg(long, value_name = "SIZE", conflicts_with = "max_memory_mb")]
    pub max_memory: Option<String>,
    /// The same in mebibytes
    #[arg(long, value_name = "N")]
    pub max_memory_mb: Option<String>,
    /// Limit its processor time; 100 = one core
    #[arg(long, value_name = "N")]
    pub max_cpu_percent: Option<String>,
    /// Run it as this user; needs root
    #[arg(long, value_name = "USER")]
    pub user: Option<String>,
    /// Restart it when files in its working directory change
    #[arg(long)]
    pub watch: bool,
    /// Run it at these times, for example "0 3 * * *", instead of now
    #[arg(long, value_name = "CRON")]
    pub cron: Option<String>,
}

impl AppFlags {
    /// The flags that were given, as they are written.
    pub fn given(&self) -> Vec<&'static str> {
        let AppFlags {
            name,
            instances,
            port,
            cwd,
            env,
            env_file,
            restart,
            max_restarts,
            restart_delay,
            start_delay,
            kill_signal,
            stop_timeout,
            namespace,
            shell,
            log_format,
            log_file,
            out_file,
            err_file,
            merge_logs,
            log_max_size,
            log_max_files,
            log_max_age,
            log_compress,
            log_overflow,
            health_cmd,
            health_http,
            health_tcp,
            health_interval,
            health_timeout,
            health_max_failures,
            max_memory,
            max_memory_mb,
            max_cpu_percent,
            user,
            watch,
            cron,
        } = self;
        [
            ("--name", name.is_some()),
            ("--instances", instances.is_some()),
            ("--port", port.is_some()),
            ("--cwd", cwd.is_some()),
            ("--env", !env.is_empty()),
            ("--env-file", !env_file.is_empty()),
            ("--restart", restart.is_some()),
            ("--max-restarts", max_restarts.is_some()),
            ("--restart-delay", restart_delay.is_some()),
            ("--start-delay", start_delay.is_some()),
            ("--kill-signal", kill_signal.is_some()),
            ("--stop-timeout", stop_timeout.is_some()),
            ("--namespace", namespace.is_some()),
            ("--shell", *shell),
            ("--log-format", log_format.is_some()),
            ("--log-file", log_file.is_some()),
            ("--out-file", out_file.is_some()),
            ("--err-file", err_file.is_some()),
            ("--merge-logs", *merge_logs),
            ("--log-max-size", log_max_size.is_some()),
            ("--log-max-files", log_max_files.is_some()),
            ("--log-max-age", log_max_age.is_some()),
            ("--log-compress", log_compress.is_some()),
            ("--log-overflow", log_overflow.is_some()),
            ("--health-cmd", health_cmd.is_some()),
            ("--health-http", health_http.is_some()),
            ("--health-tcp", health_tcp.is_some()),
            ("--health-interval", health_interval.is_some()),
            ("--health-timeout", health_timeout.is_some()),
            ("--health-max-failures", health_max_failures.is_some()),
            ("--max-memory", max_memory.is_some()),
            ("--max-memory-mb", max_memory_mb.is_some()),
            ("--max-cpu-percent", max_cpu_percent.is_some()),
            ("--user", user.is_some()),
            ("--watch", *watch),
            ("--cron", cron.is_some()),
        ]
        .into_iter()
        .filter_map(|(flag, given)| given.then_some(flag))
        .collect()
    }

    /// As `config` takes them, with the command's words.
    pub fn for_config(&self, words: &[String]) -> StartFlags {
        let flags = self.clone();
        StartFlags {
            name: flags.name,
            command: words.to_vec(),
            cwd: flags.cwd,
            env: flags.env,
            env_files: flags.env_file,
            instances: flags.instances,
            port: flags.port,
            restart: flags.restart,
            max_restarts: flags.max_restarts,
            restart_delay: flags.restart_delay,
            start_delay: flags.start_delay,
            kill_signal: flags.kill_signal,
            stop_timeout: flags.stop_timeout,
            namespace: flags.namespace,
            shell: flags.shell,
            log_max_size: flags.log_max_size,
            log_max_files: flags.log_max_files,
            merge_logs: flags.merge_logs,
            log_format: flags.log_format,
            log_file: flags.log_file,
            out_file: flags.out_file,
            err_file: flags.err_file,
            log_max_age: flags.log_max_age,
            log_compress: flags.log_compress,
            log_overflow: flags.log_overflow,
            health_cmd: flags.health_cmd,
            health_http: flags.health_http,
            health_tcp: flags.health_tcp,
            health_interval: flags.health_interval,
            health_timeout: flags.health_timeout,
            health_max_failures: flags.health_max_failures,
            max_memory: flags.max_memory,
            max_memory_mb: flags.max_memory_mb,
            max_cpu_percent: flags.max_cpu_percent,
            user: flags.user,
            watch: flags.watch,
            cron: flags.cron,
            ..StartFlags::default()
        }
    }
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("a variable is written KEY=VALUE".to_owned()),
    }
}
