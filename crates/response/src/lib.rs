//! Incidents and playbooks: alerts in, actions out.
