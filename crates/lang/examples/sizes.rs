#![allow(clippy::all, clippy::pedantic, clippy::print_stdout)]
use nexus_lang::twf::ast::*;
fn main() {
    macro_rules! s { ($($t:ty),*) => { $(println!("{} {}", stringify!($t), std::mem::size_of::<$t>());)* } }
    s!(
        Expr,
        ExprKind,
        Ident,
        Stmt,
        StmtKind,
        Call,
        Callee,
        Target,
        Bind,
        LValue,
        Arg,
        OptionEntry,
        RaceCase,
        RaceKind,
        AwaitAll,
        TryStmt,
        QName,
        SendTarget,
        Workflow,
        ForHead
    );
}
