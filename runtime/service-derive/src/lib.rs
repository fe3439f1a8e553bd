//! `#[derive(SimpleIo)]`: the fields of a flat struct as a SimpleIO declaration.
//!
//! It reads field types, doc comments and `#[serde(rename = "...")]` / `#[serde(default)]`; it generates one impl of
//! `busker_service::SimpleIo` and nothing else. It is not a serialiser: derive serde's traits beside it.

use proc_macro::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Expr, ExprLit, Field, Fields, Lit, Meta, parse_macro_input};

/// Derives `busker_service::SimpleIo` for a struct with named fields.
#[proc_macro_derive(SimpleIo)]
pub fn simple_io(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand(&input)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

fn expand(input: &DeriveInput) -> syn::Result<proc_macro2::TokenStream> {
    let Data::Struct(data) = &input.data else {
        return Err(syn::Error::new_spanned(
            &input.ident,
            "SimpleIo is for structs with named fields",
        ));
    };
    let Fields::Named(named) = &data.fields else {
        return Err(syn::Error::new_spanned(
            &input.ident,
            "SimpleIo is for structs with named fields",
        ));
    };
    let fields = named
        .named
        .iter()
        .map(expand_field)
        .collect::<syn::Result<Vec<_>>>()?;
    let ident = &input.ident;
    let (impl_generics, type_generics, where_clause) = input.generics.split_for_impl();
    Ok(quote! {
        impl #impl_generics ::busker_service::io::SimpleIo for #ident #type_generics #where_clause {
            fn fields() -> ::std::vec::Vec<::busker_service::io::Declared> {
                ::std::vec![#(#fields),*]
            }
        }
    })
}

fn expand_field(field: &Field) -> syn::Result<proc_macro2::TokenStream> {
    let Some(ident) = &field.ident else {
        return Err(syn::Error::new_spanned(
            field,
            "SimpleIo needs named fields",
        ));
    };
    let mut name = ident.to_string().trim_start_matches("r#").to_owned();
    let mut has_default = false;
    let mut doc = Vec::new();
    for attribute in &field.attrs {
        if attribute.path().is_ident("serde") {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("rename") {
                    name = meta.value()?.parse::<syn::LitStr>()?.value();
                } else if meta.path.is_ident("default") {
                    has_default = true;
                    if meta.input.peek(syn::Token![=]) {
                        meta.value()?.parse::<syn::LitStr>()?;
                    }
                } else if meta.input.peek(syn::Token![=]) {
                    meta.value()?.parse::<Expr>()?;
                }
                Ok(())
            })?;
        } else if attribute.path().is_ident("doc")
            && let Meta::NameValue(pair) = &attribute.meta
            && let Expr::Lit(ExprLit {
                lit: Lit::Str(text),
                ..
            }) = &pair.value
        {
            doc.push(text.value().trim().to_owned());
        }
    }
    let doc = doc.join(" ");
    let ty = &field.ty;
    Ok(quote! {
        ::busker_service::io::declare::<#ty>(#name, #has_default, #doc)
    })
}
