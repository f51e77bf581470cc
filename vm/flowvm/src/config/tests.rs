//! What `flow.toml` may say, and what is said about what it may not.

use super::*;

fn read(text: &str, variables: &[(&str, &str)]) -> Result<Config> {
    let variables = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let table = reader::overridden(text.parse().unwrap(), variables);
    Config::read(
        Reader::new(table, "flow.toml".to_owned()),
        Path::new("/project"),
        true,
    )
}

#[test]
fn a_whole_file_is_read() {
    let config = read(
        r#"
        [project]
        name = "support"
        entry = "triage.flow"
        [store]
        durability = "normal"
        [limits]
        parallel = 8
        [workers.search_docs]
        url = "http://127.0.0.1:8080"
        max_concurrent = 3
        rate = "20/s"
        breaker = { consecutive = 5, cooldown = "5m" }
        [[pool]]
        protocol = "webhook"
        url = "http://127.0.0.1:9001/run"
        tags = ["reviewer", "rust"]
        [secrets]
        DOCS_TOKEN = { env = "DOCS_TOKEN" }
        "#,
        &[],
    )
    .unwrap();
    let docs = &config.workers["search_docs"];
    assert_eq!(
        (config.durability, config.parallel, docs.max_concurrent),
        (Durability::Normal, 8, Some(3))
    );
    assert_eq!(
        docs.rate,
        Some(Rate {
            calls: 20,
            per: Duration::from_secs(1),
            burst: 20
        })
    );
    assert_eq!(
        docs.breaker.unwrap(),
        Breaker {
            consecutive: 5,
            total: 20,
            cooldown: Duration::from_mins(5)
        }
    );
    assert_eq!(config.store_path(), Path::new("/project/.flow/flow.db"));
    let served = |tags: &[&str]| {
        let tags: Vec<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
        config.candidates("review", Protocol::Webhook, &tags).len()
    };
    assert_eq!(
        (served(&["rust"]), served(&["rust", "go"]), served(&[])),
        (1, 0, 0)
    );
}

#[test]
fn a_worker_with_an_address_has_a_breaker_unless_it_says_no() {
    let config = read(
        "[workers.a]\nurl = \"x\"\nrate = \"5/m\"\nburst = 2\n[workers.b]\nurl = \"y\"\nbreaker = false",
        &[],
    )
    .unwrap();
    let (a, b) = (&config.workers["a"], &config.workers["b"]);
    assert_eq!((a.breaker, b.breaker), (Some(Breaker::default()), None));
    assert_eq!(a.rate.unwrap().burst, 2);
}

/// What the file says of a name holds; what is registered with tags serves beside the pool.
#[test]
fn registered_workers_stand_beside_the_file() {
    let config = read(
        "[workers.a]\nurl = \"http://file\"\n[[pool]]\nprotocol = \"webhook\"\ntags = [\"x\"]\nurl = \"http://pool\"",
        &[],
    )
    .unwrap();
    let registered = |name: &str, tags: &[&str], url: &str| Registered {
        name: name.to_owned(),
        protocol: (!tags.is_empty()).then(|| "webhook".to_owned()),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        binding: [("url".to_owned(), url.into())].into_iter().collect(),
    };
    let with = config
        .with(&[
            registered("a", &[], "http://store"),
            registered("b", &[], "http://store"),
            registered("c", &["x", "y"], "http://store"),
        ])
        .unwrap();
    let urls = |name: &str, tags: &[&str]| -> Vec<String> {
        let tags: Vec<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
        let found = with.candidates(name, Protocol::Webhook, &tags).into_iter();
        found.filter_map(|binding| binding.url.clone()).collect()
    };
    assert_eq!(urls("a", &[]), ["http://file"]);
    assert_eq!(urls("b", &[]), ["http://store"]);
    assert_eq!(urls("z", &["x"]), ["http://pool", "http://store"]);
    assert_eq!(urls("z", &["x", "y"]), ["http://store"]);
    let wrong = Registered {
        binding: [("urll".to_owned(), "x".into())].into_iter().collect(),
        ..registered("w", &[], "")
    };
    assert_eq!(config.with(&[wrong]).unwrap_err().code, code::CONFIG_KEY);
}

#[test]
fn unknown_keys_are_errors_with_the_nearest_known_one() {
    let error = read("[workers.a]\nurll = \"x\"", &[]).unwrap_err();
    assert_eq!(error.code, code::CONFIG_KEY);
    assert!(error.message.contains("`workers.a.urll`"), "{error}");
    assert_eq!(error.help.as_deref(), Some("did you mean `workers.a.url`?"));
    assert_eq!(
        read("[projct]", &[]).unwrap_err().help.as_deref(),
        Some("did you mean `project`?")
    );
}

/// L-82: a bad value refuses to start and names its key; it is never replaced by a default.
#[test]
fn bad_values_name_their_key() {
    for (text, key) in [
        ("[limits]\nparallel = 0", "limits.parallel"),
        ("[limits]\nparallel = \"8\"", "limits.parallel"),
        ("[store]\ndurability = \"fast\"", "store.durability"),
        ("[workers.a]\nrate = \"often\"", "workers.a.rate"),
        (
            "[workers.a]\nbreaker = { cooldown = \"5min\" }",
            "workers.a.breaker.cooldown",
        ),
        ("[workers.a]\nburst = 3", "workers.a"),
        ("[workers.a]\nbreaker = true", "workers.a.breaker"),
        ("[[pool]]\nurl = \"x\"", "pool[0]"),
        ("[secrets]\nKEY = \"value\"", "secrets.KEY"),
        ("[secrets]\nKEY = { env = \"A\", file = \"b\" }", "secrets.KEY"),
    ] {
        let error = read(text, &[]).unwrap_err();
        assert!(
            error.code == code::CONFIG_VALUE && error.message.contains(key),
            "{text}: {error}"
        );
    }
}

#[test]
fn variables_override_every_value() {
    let config = read(
        "[workers.docs]\nurl = \"http://a\"\n[limits]\nparallel = 2",
        &[
            ("FLOW__WORKERS__DOCS__URL", "http://b"),
            ("FLOW__LIMITS__PARALLEL", "7"),
            ("FLOW__SECRETS__API_KEY__ENV", "OTHER"),
            ("FLOW__EGRESS__ALLOW", "[\"b\"]"),
            ("FLOW_STORE", "ignored"),
        ],
    )
    .unwrap();
    assert_eq!(config.workers["docs"].url.as_deref(), Some("http://b"));
    assert_eq!(config.parallel, 7);
    assert_eq!(config.secrets["API_KEY"], SecretSource::Env("OTHER".to_owned()));
    assert_eq!(config.egress.as_deref(), Some(&["b".to_owned()][..]));
    assert!(read("", &[("FLOW__LIMITS__PARALEL", "7")]).is_err());
}

#[test]
fn durations_are_those_of_the_language() {
    assert_eq!(duration("1h30m"), Some(Duration::from_mins(90)));
    assert_eq!(duration("250ms"), Some(Duration::from_millis(250)));
    assert_eq!(
        [duration(""), duration("5"), duration("m"), duration("5min")],
        [None; 4]
    );
}
