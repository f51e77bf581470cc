//! Against a server that is built with the official SDK for Python, over both transports, and against answers that
//! no SDK gives.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value as Json, json};

use flow_bytecode::{ErrorClass, Protocol};

use crate::config::Binding;
use crate::workers::network_tests::{Server, answer, block_on, call_of, class, send, until};
use crate::workers::secrets::Secrets;
use crate::workers::{Call, Reply, start};

/// The Python that has the SDK: `FLOW_MCP_PYTHON`, else where `.ci/run` puts it.
fn python() -> Option<PathBuf> {
    let named = std::env::var_os("FLOW_MCP_PYTHON").map(PathBuf::from);
    let found = named.unwrap_or_else(|| {
        std::env::temp_dir().join(format!(
            "flow-mcp-{}/bin/python",
            std::fs::metadata("/proc/self").unwrap().uid()
        ))
    });
    if !found.is_file() {
        println!(
            "skipped: no Python with the MCP SDK (FLOW_MCP_PYTHON, or {})",
            found.display()
        );
        return None;
    }
    Some(found)
}

fn script() -> &'static str {
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/mcp_server.py")
}

fn call_with(tool: &str, args: Json, binding: Binding) -> Call {
    Call {
        args: if let Json::Object(args) = args {
            args
        } else {
            Map::new()
        },
        binding: Arc::new(binding),
        root: std::env::temp_dir(),
        ..call_of("", json!({ "tool": tool }))
    }
}

fn over_stdio(python: &Path, tool: &str, args: Json) -> Call {
    let words = [python.to_str().unwrap(), script(), "stdio"];
    let command = Some(words.map(str::to_owned).to_vec());
    call_with(
        tool,
        args,
        Binding {
            command,
            ..Binding::default()
        },
    )
}

/// A server behind an address; ends with its test.
struct Peer {
    child: Child,
    url: String,
}

impl Peer {
    fn new(python: &Path) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let mut command = Command::new(python);
        command
            .args([script(), &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let peer = Self {
            child: command.spawn().unwrap(),
            url: format!("http://127.0.0.1:{port}/mcp"),
        };
        let begun = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                begun.elapsed() < Duration::from_mins(1),
                "the server does not come up"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        peer
    }

    fn call(&self, tool: &str, args: Json) -> Call {
        let url = Some(self.url.clone());
        call_with(
            tool,
            args,
            Binding {
                url,
                ..Binding::default()
            },
        )
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What every server does, however it is reached.
fn check_tools(call: impl Fn(&str, Json) -> Call) {
    let said = |tool, args| send(Protocol::Mcp, call(tool, args));
    let output = |tool, args| said(tool, args).unwrap()["output"].clone();
    assert_eq!(
        output("score", json!({"text": "abc"})),
        json!({"points": 3, "why": "its length"})
    );
    assert_eq!(
        output("told", json!({"text": ""})),
        json!("The score is {\"points\": 3, \"why\": \"told\"}.")
    );
    let failed = said("broken", json!({"text": "that"})).unwrap();
    assert_eq!(
        (&failed["error"]["code"], &failed["error"]["retryable"]),
        (&json!("tool_error"), &json!(false))
    );
    assert!(
        failed["error"]["message"]
            .as_str()
            .unwrap()
            .contains("cannot take that"),
        "{failed}"
    );
    let steps = said("steps", json!({})).unwrap();
    let told: Vec<&Json> = steps["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| &event["data"]["message"])
        .collect();
    assert_eq!(told, [&json!("half"), &json!("all")]);
    let unknown = said("nowhere", json!({}));
    let shown = format!("{unknown:?}");
    assert!(
        shown.contains("nowhere")
            && (class_of(&unknown) == Some(ErrorClass::Protocol) || shown.contains("tool_error")),
        "{shown}"
    );
    assert_eq!(
        class(said("large", json!({"size": 20 << 20}))),
        ErrorClass::InvalidReply
    );
}

fn class_of(reply: &Reply) -> Option<ErrorClass> {
    reply.as_ref().err().map(|failure| failure.class)
}

/// Gives a call up as soon as it has begun, and waits for what that does, to what the server has said.
fn given_up(call: &Call, path: &Path, done: impl Fn(&str) -> bool) {
    let read = || std::fs::read_to_string(path).unwrap_or_default();
    block_on(async {
        let under_way = tokio::spawn(start(Protocol::Mcp, call.clone()));
        until(|| read().contains('\n') || under_way.is_finished()).await;
        assert!(!under_way.is_finished(), "{:?}", under_way.await);
        under_way.abort();
        let _ = under_way.await;
        crate::workers::farewell::all_said(Duration::from_secs(10)).await;
        until(|| done(&read())).await;
    });
}

#[test]
fn tools_over_stdio() {
    let Some(python) = python() else { return };
    check_tools(|tool, args| over_stdio(&python, tool, args));
}

#[test]
fn tools_over_http() {
    let Some(python) = python() else { return };
    let peer = Peer::new(&python);
    check_tools(|tool, args| peer.call(tool, args));
}

#[test]
fn a_call_that_is_given_up_is_cancelled_on_the_server() {
    let Some(python) = python() else { return };
    let (peer, folder) = (Peer::new(&python), tempfile::tempdir().unwrap());
    let path = folder.path().join("said");
    given_up(&peer.call("slow", json!({"path": path})), &path, |said| {
        said.ends_with("cancelled\n")
    });
}

#[test]
fn a_server_over_stdio_ends_with_its_call() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("said");
    given_up(
        &over_stdio(&python, "slow", json!({"path": path})),
        &path,
        |said| {
            let process = Path::new("/proc").join(said.lines().next().unwrap());
            let cmdline = std::fs::read_to_string(process.join("cmdline")).unwrap_or_default();
            !cmdline.contains("mcp_server.py")
        },
    );
}

#[test]
fn a_server_over_stdio_that_goes_down_says_why() {
    let Some(python) = python() else { return };
    let failure = send(Protocol::Mcp, over_stdio(&python, "ends", json!({}))).unwrap_err();
    assert_eq!(failure.class, ErrorClass::ExecFailed);
    assert!(
        failure.message.contains("exited with 3") && failure.message.contains("going down"),
        "{}",
        failure.message
    );
}

#[test]
fn a_server_over_stdio_finds_its_secrets_and_no_others_see_them() {
    let Some(python) = python() else { return };
    let mut call = over_stdio(&python, "variable", json!({"name": "API_KEY"}));
    let binding = Binding {
        env: [("API_KEY".to_owned(), "KEY".to_owned())].into(),
        ..(*call.binding).clone()
    };
    call.binding = Arc::new(binding);
    call.secrets = Arc::new(Secrets::of([("KEY", "very-secret")]));
    assert_eq!(
        send(Protocol::Mcp, call).unwrap()["output"],
        json!({"result": "***"})
    );
    let none = over_stdio(&python, "variable", json!({"name": "CARGO_MANIFEST_DIR"}));
    assert_eq!(
        send(Protocol::Mcp, none).unwrap()["output"],
        json!({"result": ""})
    );
}

fn shell(script: &str) -> Call {
    let command = Some(["sh", "-c", script].map(str::to_owned).to_vec());
    call_with(
        "t",
        json!({}),
        Binding {
            command,
            ..Binding::default()
        },
    )
}

#[test]
fn servers_that_misbehave_over_stdio_have_their_classes() {
    let welcome = r#"read x; echo '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"VERSION"}}'"#;
    let old = welcome.replace("VERSION", "1999-01-01");
    let good = welcome.replace("VERSION", "2025-06-18");
    let cases = [
        ("exit 0".to_owned(), ErrorClass::ExecFailed),
        ("echo nonsense; exit 1".to_owned(), ErrorClass::ExecFailed),
        (old, ErrorClass::Protocol),
        (
            format!("{good}; head -c 20000000 /dev/zero"),
            ErrorClass::InvalidReply,
        ),
        (
            format!(
                r#"{good}; read x; read x; echo '{{"jsonrpc":"2.0","id":2,"error":{{"code":-32602,"message":"no"}}}}'"#
            ),
            ErrorClass::Protocol,
        ),
    ];
    for (script, wanted) in cases {
        assert_eq!(class(send(Protocol::Mcp, shell(&script))), wanted, "{script}");
    }
    let nobody = Binding {
        command: Some(vec!["no-such-command".to_owned()]),
        ..Binding::default()
    };
    assert_eq!(
        class(send(Protocol::Mcp, call_with("t", json!({}), nobody))),
        ErrorClass::ExecFailed
    );
}

/// A server may ask in between; it is answered, and what it says besides is passed over.
#[test]
fn questions_of_a_server_are_answered() {
    let script = r#"read x
echo '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25"}}'; read x; read x
echo '{"jsonrpc":"2.0","id":"p","method":"ping"}'; read pong
echo '{"jsonrpc":"2.0","id":"s","method":"sampling/createMessage","params":{}}'; read no
case "$pong$no" in *'"id":"p","result":{}'*-32601*) text=answered;; *) text=silent;; esac
echo '{"jsonrpc":"2.0","id":2,"result":{"content":[{"type":"text","text":"'$text'"}]}}'"#;
    assert_eq!(
        send(Protocol::Mcp, shell(script)).unwrap()["output"],
        json!("answered")
    );
}

#[test]
fn servers_that_misbehave_over_http_have_their_classes() {
    let json = "content-type: application/json\r\n";
    let cases = [
        (answer("503 Service Unavailable", "", ""), ErrorClass::Http5xx),
        (answer("401 Unauthorized", "", ""), ErrorClass::Http4xx),
        (
            answer("429 Too Many Requests", "retry-after: 1\r\n", ""),
            ErrorClass::RateLimited,
        ),
        (answer("200 OK", json, "nonsense"), ErrorClass::InvalidReply),
        (answer("200 OK", json, "[]"), ErrorClass::InvalidReply),
        (answer("200 OK", json, "7"), ErrorClass::InvalidReply),
        (
            answer("200 OK", "content-type: text/event-stream\r\n", ": nothing\n\n"),
            ErrorClass::Connect,
        ),
        (
            answer("200 OK", "content-type: text/event-stream\r\n", "data: {\n\n"),
            ErrorClass::Protocol,
        ),
    ];
    for (said, wanted) in cases {
        let server = Server::one(&said);
        let call = call_of(&format!("http://{}/mcp", server.address), json!({}));
        assert_eq!(class(send(Protocol::Mcp, call)), wanted, "{said}");
    }
}
