//! What nodes are called in a story.

use quorate_core::{NodeId, NodeSet};

/// Names of nodes and zones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeNames {
    pub(super) nodes: Vec<String>,
    pub(super) zones: Vec<(String, NodeSet)>,
}

impl NodeNames {
    /// A node's name.
    pub fn of(&self, node: NodeId) -> &str {
        self.nodes.get(node.index()).map_or("?", String::as_str)
    }

    /// All nodes' names, in their order.
    pub fn nodes(&self) -> &[String] {
        &self.nodes
    }

    /// Some nodes' names.
    pub fn list(&self, nodes: NodeSet) -> String {
        let names: Vec<_> = nodes.iter().map(|node| self.of(node)).collect();
        match names.as_slice() {
            [] => "nobody".to_owned(),
            _ if names.len() == self.nodes.len() => "everybody".to_owned(),
            [one] => (*one).to_owned(),
            [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
        }
    }

    /// The nodes that a word means: one node, a zone, or all of them.
    pub fn find(&self, word: &str) -> Option<NodeSet> {
        let node = self.nodes.iter().position(|name| name == word);
        let zone = || self.zones.iter().find(|(name, _)| name == word);
        match node {
            Some(at) => Some(NodeSet::from_iter([NodeId(at as u32)])),
            None if word == "all" => Some(NodeSet::all(self.nodes.len() as u8)),
            None => zone().map(|(_, nodes)| *nodes),
        }
    }

    /// All words that mean something here.
    pub fn words(&self) -> Vec<&str> {
        let zones = self.zones.iter().map(|(name, _)| name);
        let names = self.nodes.iter().chain(zones);
        names.map(String::as_str).chain(["all"]).collect()
    }

    /// A sentence about `n0` and `n1`, with their names. What is in quotation marks is a value, and
    /// stays.
    pub fn translate(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut quoted = false;
        let mut before = ' ';
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let digits = rest[c.len_utf8()..]
                .bytes()
                .take_while(u8::is_ascii_digit)
                .count();
            let starts = c == 'n' && !quoted && !before.is_alphanumeric() && digits > 0;
            let number = starts.then(|| rest[1..=digits].parse::<usize>().ok());
            if let Some(name) = number.flatten().and_then(|at| self.nodes.get(at)) {
                out += name;
                before = '0';
                rest = &rest[1 + digits..];
                continue;
            }
            quoted ^= c == '"';
            out.push(c);
            before = c;
            rest = &rest[c.len_utf8()..];
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_about_names_and_values_stay_as_they_are() {
        let names = NodeNames {
            nodes: vec!["A".to_owned(), "wallet-3".to_owned()],
            zones: vec![],
        };
        let said = names.translate("n0 decided \"n1\", n1 lacks 2 of 3, n7 and pen0 are no nodes");
        assert_eq!(
            said,
            "A decided \"n1\", wallet-3 lacks 2 of 3, n7 and pen0 are no nodes"
        );
        assert_eq!(names.list(NodeSet::all(2)), "everybody");
        assert_eq!(
            names.find("wallet-3"),
            Some(NodeSet::from_iter([NodeId(1)]))
        );
    }
}
