//! The commands that take the flags of something which only a server or a project knows.

/// What can be sent to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    /// `nexus run signal RUN NAME`
    Signal,
    /// `nexus run query RUN NAME`
    Query,
    /// `nexus run update RUN NAME`
    Update,
    /// `nexus run signal-with-start WORKFLOW NAME`
    SignalWithStart,
    /// `nexus run update-with-start WORKFLOW NAME`
    UpdateWithStart,
}

impl Message {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Message::Signal | Message::SignalWithStart => "signal",
            Message::Query => "query",
            Message::Update | Message::UpdateWithStart => "update",
        }
    }

    /// The field of `run.handlers` and `workflow.show` that lists such handlers.
    pub(super) fn list(self) -> &'static str {
        match self {
            Message::Signal | Message::SignalWithStart => "signals",
            Message::Query => "queries",
            Message::Update | Message::UpdateWithStart => "updates",
        }
    }

    /// Whether it may start the run that it is for, and so names a workflow instead of a run.
    pub(super) fn may_start(self) -> bool {
        matches!(self, Message::SignalWithStart | Message::UpdateWithStart)
    }
}

/// The commands that are about one operation, or about one handler of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noun {
    /// `nexus run WORKFLOW`
    Run,
    /// `nexus call VERB`
    Call,
    /// `nexus bench WORKFLOW`
    Bench,
    /// `nexus validate WORKFLOW`
    Validate,
    /// `nexus run signal RUN NAME`, and its kin
    Message(Message),
}

/// All of them.
const NOUNS: [Noun; 9] = [
    Noun::Run,
    Noun::Call,
    Noun::Bench,
    Noun::Validate,
    Noun::Message(Message::Signal),
    Noun::Message(Message::Query),
    Noun::Message(Message::Update),
    Noun::Message(Message::SignalWithStart),
    Noun::Message(Message::UpdateWithStart),
];

impl Noun {
    /// The names of its command, from the outermost one.
    pub fn path(self) -> &'static [&'static str] {
        match self {
            Noun::Run => &["run"],
            Noun::Call => &["call"],
            Noun::Bench => &["bench"],
            Noun::Validate => &["validate"],
            Noun::Message(Message::Signal) => &["run", "signal"],
            Noun::Message(Message::Query) => &["run", "query"],
            Noun::Message(Message::Update) => &["run", "update"],
            Noun::Message(Message::SignalWithStart) => &["run", "signal-with-start"],
            Noun::Message(Message::UpdateWithStart) => &["run", "update-with-start"],
        }
    }

    /// The command as it is typed.
    pub fn words(self) -> String {
        self.path().join(" ")
    }

    /// The arguments that name what it is about.
    pub(super) fn targets(self) -> &'static [&'static str] {
        match self {
            Noun::Run | Noun::Bench | Noun::Validate => &["workflow"],
            Noun::Call => &["operation"],
            Noun::Message(message) if message.may_start() => &["workflow", "name"],
            Noun::Message(_) => &["id", "name"],
        }
    }

    /// The flag that takes the whole input as JSON, without its dashes.
    pub(super) fn whole(self) -> &'static str {
        match self {
            Noun::Message(message) if message.may_start() => "message",
            _ => "input",
        }
    }

    /// The command of this path, when it is one of them.
    pub(super) fn at(path: &[&str]) -> Option<Noun> {
        NOUNS.into_iter().find(|noun| noun.path() == path)
    }
}
