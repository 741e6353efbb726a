//! Tests of the actions.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use super::*;

#[test]
fn actions_are_read_with_and_without_quotes() {
    let text = "id:'200000', phase:request,block,msg:'a, \\'b\\'', setvar:'tx.a_%{tx.1}=+%{tx.b}',\
                setvar:!tx.c,ctl:ruleRemoveTargetById=942100-942199;ARGS:x,severity:CRITICAL,redirect:http://a/?b=1";
    let found = actions(text).unwrap();
    assert_eq!(found.len(), 9);
    assert_eq!(found[0], Action::Id(200_000));
    assert_eq!(found[1], Action::Phase(2));
    assert_eq!(found[3], Action::Msg(Template::parse("a, 'b'").unwrap()));
    let Action::SetVar(assignment) = &found[4] else { unreachable!() };
    assert_eq!(assignment.name.to_string(), "a_%{TX.1}");
    assert!(matches!(assignment.change, Change::Add(_)));
    assert!(matches!(&found[5], Action::SetVar(Assignment { change: Change::Remove, .. })));
    assert!(matches!(&found[6], Action::Control(Control::RemoveTargetById(ids, _)) if ids.last == 942_199));
    assert_eq!(found[7], Action::Severity(2));
}

#[test]
fn wrong_actions_say_what_is_meant() {
    let wrong = |text: &str| actions(text).unwrap_err().to_string();
    assert_eq!(wrong("skipafer:x"), "unknown action `skipafer`: did you mean `skipAfter`?");
    assert_eq!(
        wrong("ctl:ruleRemoveByID2=1"),
        "unknown `ctl` setting `ruleRemoveByID2`: did you mean `ruleRemoveById`?"
    );
    assert_eq!(wrong("phase:6"), "`6` is not a phase from 1 to 5");
    assert_eq!(wrong("exec:/bin/x"), "`exec` is not supported: the engine runs no programs; use a playbook");
    assert_eq!(wrong("severity:CRITICL"), "unknown severity `CRITICL`: did you mean `CRITICAL`?");
}
