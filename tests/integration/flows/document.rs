//! docs/guide/flows.md beside the command line: every command of flows is described. Its walk is run by `documents`.

use super::*;

#[test]
fn the_page_describes_every_command_of_flows() {
    let page = include_str!("../../../docs/guide/flows.md");
    let gate = Gate::before(&Backend::refusing());
    let help = gate.run(&["flow", "--help"]).succeeded();
    let (_, commands) = help.split_once("\nCommands:\n").unwrap();
    let commands = commands.split("\n\n").next().unwrap();
    // A command stands at the left; a line that goes on with its description does not.
    let names = commands
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !matches!(*name, "" | "help"));
    let mut described = 0;
    for name in names {
        assert!(page.contains(&format!("`flow {name}")), "flow {name}");
        described += 1;
    }
    assert!(described >= 7, "{help}");
}
