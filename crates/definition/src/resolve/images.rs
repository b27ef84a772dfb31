//! `[images]` and `[test-suites]`.

use std::collections::BTreeMap;

use super::Resolver;
use super::text::{distinct, is_plain_name};
use crate::decode::Text;
use crate::image::{Image, ImageDefinition};
use crate::nearest::advice;
use crate::place::Located;
use crate::tables::{CapabilitiesTable, ImageDefinitionType, ImageTable, PytestInstall, TestSuiteType};

impl Resolver<'_> {
    pub(crate) fn images(&mut self) -> BTreeMap<String, Image> {
        let mut images = BTreeMap::new();
        for (name, table) in &*self.file.images {
            if !is_plain_name(name) {
                let hint = "it becomes a file name: use no `/`, `\\` or white space";
                self.collector.report_hinted(table.place, format!("`{name}` is no name of an image"), hint);
                continue;
            }
            if let Some(definition) = self.image_definition(name, table) {
                images.insert(name.clone(), self.image(name, table, definition));
            }
        }
        images
    }

    fn image(&mut self, name: &str, table: &Located<ImageTable>, definition: ImageDefinition) -> Image {
        let mut test_suites = Vec::new();
        for suite in table.tests.iter().flat_map(|tests| tests.test_suites.iter().flatten()) {
            if !self.file.test_suites.contains_key(&suite.name.value) {
                let hint = advice(&suite.name, self.file.test_suites.keys().map(String::as_str));
                let message = format!("there is no test suite `{}`", suite.name);
                self.collector.report_if_complete(suite.name.place, message, hint);
            }
            test_suites.push(suite.name.value.clone());
        }
        let channels = table.publish.as_ref().and_then(|publish| publish.channels.as_ref());
        for channel in channels.into_iter().flatten() {
            self.check_channel(channel);
        }
        let described = match &definition {
            ImageDefinition::Native(native) => native.description.clone(),
            ImageDefinition::Kiwi { .. } | ImageDefinition::Missing => String::new(),
        };
        Image {
            name: Located::new(name.to_owned(), table.place),
            description: table.description.as_ref().map_or(described, |text| text.value.clone()),
            capabilities: table.capabilities.as_ref().map(CapabilitiesTable::stated).unwrap_or_default(),
            test_suites,
            channels: distinct(channels, "channel", self.collector)
                .into_iter()
                .map(|text| text.value)
                .collect(),
            definition,
        }
    }

    fn image_definition(&mut self, name: &str, table: &Located<ImageTable>) -> Option<ImageDefinition> {
        let Some(definition) = &table.definition else { return Some(ImageDefinition::Missing) };
        let kind = definition.kind.map_or(ImageDefinitionType::Kiwi, |kind| kind.value);
        let profile = definition.profile.as_ref();
        match kind {
            ImageDefinitionType::Kiwi => Some(ImageDefinition::Kiwi {
                path: definition.path.as_ref().map(|path| self.collector.sources.anchor(path)),
                profile: profile.map(|profile| profile.value.clone()),
            }),
            ImageDefinitionType::Native => {
                if let Some(profile) = profile {
                    self.collector.report(profile.place, format!("native image `{name}` has no profiles"));
                }
                let Some(path) = &definition.path else {
                    let message = format!("native image `{name}` names no file");
                    self.collector.report_hinted(table.place, message, "add `path = \"…/image.toml\"`");
                    return None;
                };
                self.native_image(name, path).map(|image| ImageDefinition::Native(Box::new(image)))
            }
        }
    }

    pub(crate) fn check_test_suites(&mut self) {
        for (name, suite) in &*self.file.test_suites {
            if !is_plain_name(name) {
                self.collector.report(suite.place, format!("`{name}` is no name of a test suite"));
            }
            match (suite.kind.value, &suite.pytest, &suite.lisa) {
                (TestSuiteType::Pytest, None, _) => {
                    let message = format!("test suite `{name}` has no [test-suites.{name}.pytest]");
                    self.collector.report(suite.kind.place, message);
                }
                (TestSuiteType::Pytest, Some(pytest), None) => {
                    let installs = !matches!(pytest.install, None | Some(PytestInstall::None));
                    if installs && pytest.working_dir.as_ref().is_none_or(|folder| folder.is_empty()) {
                        let message =
                            format!("test suite `{name}` installs what it needs and has no `working-dir`");
                        self.collector.report(pytest.place, message);
                    }
                }
                (TestSuiteType::Pytest, Some(_), Some(other)) => {
                    self.collector.report(other.place, format!("test suite `{name}` is no LISA suite"));
                }
                (TestSuiteType::Lisa, Some(other), _) => {
                    self.collector.report(other.place, format!("test suite `{name}` is no pytest suite"));
                }
                (TestSuiteType::Lisa, None, Some(lisa)) => {
                    if lisa.framework.is_none() {
                        let message = format!("test suite `{name}` does not say where LISA comes from");
                        let hint = "add `framework = { git-url = \"…\", ref = \"…\" }`".to_owned();
                        self.collector.report_if_complete(lisa.place, message, hint);
                    }
                    if lisa.test_cases.as_ref().is_none_or(Vec::is_empty) {
                        let message = format!("test suite `{name}` names no test case");
                        self.collector.report_if_complete(
                            lisa.place,
                            message,
                            "add `test-cases = […]`".to_owned(),
                        );
                    }
                    let commit: Option<&Text> = lisa.framework.as_ref().map(|framework| &framework.reference);
                    if let Some(commit) = commit
                        && !(commit.len() == 40 && commit.chars().all(|c| c.is_ascii_hexdigit()))
                    {
                        let message = format!("`{commit}` is no commit");
                        self.collector.report_hinted(
                            commit.place,
                            message,
                            "write all 40 hexadecimal digits",
                        );
                    }
                }
                (TestSuiteType::Lisa, None, None) => {}
            }
        }
    }
}

impl CapabilitiesTable {
    fn stated(&self) -> BTreeMap<String, bool> {
        [
            ("machine-bootable", self.machine_bootable),
            ("container", self.container),
            ("systemd", self.systemd),
            ("runtime-package-management", self.runtime_package_management),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
    }
}
