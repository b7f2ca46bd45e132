use std::path::PathBuf;

/// Something cannot be put onto a base. Paths in images are without the first `/`.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AddError {
    #[error("/{} is a file in the base: nothing can be below it", path.display())]
    File { path: PathBuf },
    #[error("/{} is a folder in the base: no file can take its place", path.display())]
    Folder { path: PathBuf },
    #[error("/{} is a symbolic link in the base, and it is not known to which folder it leads", path.display())]
    Link { path: PathBuf },
    #[error("/{} is added already, and would be replaced", path.display())]
    Twice { path: PathBuf },
    #[error("{} has the extended attribute {name:?}, and the base has that folder, which keeps its own", path.display())]
    FolderAttribute { path: PathBuf, name: String },
    #[error("a layer of the base has so many folders that it is not known where a path leads")]
    ManyFolders,
}
