//! Who may do what, proved by a value: a service method takes the token of the role it needs, so that a door which forgot to ask does
//! not compile. Tokens are made by [`Access`] alone.

/// Whoever acts, for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// Shown where a change is reported.
    pub name: String,
}

macro_rules! token {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name(Actor);

        impl $name {
            /// Who acts.
            #[must_use]
            pub fn actor(&self) -> &Actor {
                &self.0
            }
        }
    };
}

token!(
    /// May look.
    Reader
);
token!(
    /// May change what the library says, and start work.
    Editor
);
token!(
    /// May change what the library is: folders, samples.
    Admin
);

impl From<Admin> for Editor {
    fn from(admin: Admin) -> Self {
        Self(admin.0)
    }
}

impl From<Editor> for Reader {
    fn from(editor: Editor) -> Self {
        Self(editor.0)
    }
}

impl From<Admin> for Reader {
    fn from(admin: Admin) -> Self {
        Self(admin.0)
    }
}

/// Hands out the tokens.
#[derive(Debug, Clone, Default)]
pub struct Access(());

impl Access {
    /// The one local owner, while no account exists and Weft listens on this machine alone. The door has checked both.
    #[must_use]
    pub fn owner(&self) -> Admin {
        Admin(Actor { name: "owner".to_owned() })
    }
}
