//! `lazuli image list`

use definition::{Image, ImageDefinition, ImageKind};
use serde::Serialize;

use crate::cli::Global;
use crate::failure::Failure;
use crate::{output, session};

#[derive(Serialize)]
struct Listed {
    name: String,
    kind: &'static str,
    description: String,
    formats: Vec<String>,
}

/// Prints every image of the definition.
pub fn run(global: &Global) -> Result<(), Failure> {
    let distro = session::load_definition(global)?;
    let images: Vec<Listed> = distro.images.values().map(listed).collect();
    output::print(global.format, &images, |images| {
        let width = images.iter().map(|image| image.name.len()).max().unwrap_or(0);
        images
            .iter()
            .map(|image| format!("{:width$}  {:4}  {}\n", image.name, image.kind, image.description))
            .collect()
    })
}

fn listed(image: &Image) -> Listed {
    let (kind, formats) = match &image.definition {
        ImageDefinition::Native(native) => match &native.kind {
            ImageKind::Disk(disk) => {
                ("disk", disk.formats.iter().map(|format| format.as_str().to_owned()).collect())
            }
            ImageKind::Tree => ("tree", Vec::new()),
        },
        ImageDefinition::Kiwi { .. } => ("kiwi", Vec::new()),
        ImageDefinition::Missing => ("none", Vec::new()),
    };
    Listed { name: image.name.value.clone(), kind, description: image.description.clone(), formats }
}
