//! From a text to its vector: the mean of what the network makes of its tokens, of length 1.

use std::{path::Path, sync::Arc};

use rten::{ModelOptions, NodeId, RunOptions, ThreadPool};
use rten_tensor::{NdTensor, prelude::*};

use crate::tokens::Tokens;

/// The network and the words that it knows. Any number of threads may use it at once.
pub struct Model {
    network: rten::Model,
    /// Tokens, which of them count, and which of two texts they are of.
    inputs: [NodeId; 3],
    output: NodeId,
    tokens: Tokens,
}

/// The model cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("the model's file cannot be read")]
    File(#[from] rten::LoadError),
    #[error("the file is of another model")]
    Shape,
}

/// The network refused a text.
#[derive(Debug, thiserror::Error)]
pub enum EmbedError {
    #[error("the network cannot be run")]
    Run(#[from] rten::RunError),
    #[error("the network's output has another shape")]
    Shape,
}

impl Model {
    /// Reads the network, which takes a tenth of a second and 120 MB.
    ///
    /// # Errors
    /// The file is missing, or not what is expected.
    pub fn load(file: &Path) -> Result<Self, LoadError> {
        let network = ModelOptions::with_all_ops().prepack_weights(true).load_file(file)?;
        let inputs = ["input_ids", "attention_mask", "token_type_ids"].map(|name| network.find_node(name));
        let ([Some(tokens), Some(mask), Some(kinds)], [output]) = (inputs, network.output_ids()) else {
            return Err(LoadError::Shape);
        };
        Ok(Self {
            inputs: [tokens, mask, kinds],
            output: *output,
            network,
            tokens: Tokens::new(),
        })
    }

    /// The vector of `text`, made on `threads`.
    ///
    /// # Errors
    /// The network is not the expected one.
    pub fn embed(&self, text: &str, threads: &Arc<ThreadPool>) -> Result<Vec<f32>, EmbedError> {
        let tokens = self.tokens.of(text);
        let shape = [1, tokens.len()];
        let tokens = NdTensor::from_data(shape, tokens);
        let (mask, kinds) = (NdTensor::full(shape, 1_i32), NdTensor::full(shape, 0_i32));
        let inputs = self.inputs.into_iter().zip([tokens, mask, kinds]);
        let inputs = inputs.map(|(input, tensor)| (input, tensor.into())).collect();
        let mut options = RunOptions::default();
        options.thread_pool = Some(Arc::clone(threads));
        let [made] = self.network.run_n(inputs, [self.output], Some(options))?;
        let made: NdTensor<f32, 3> = made.try_into().map_err(|_| EmbedError::Shape)?;
        let [_, _, dimensions] = made.shape();
        let made = made.into_data();
        let mut sum = vec![0.0; dimensions];
        for token in made.chunks_exact(dimensions.max(1)) {
            for (sum, value) in sum.iter_mut().zip(token) {
                *sum += value;
            }
        }
        let length = sum.iter().map(|value| value * value).sum::<f32>().sqrt();
        Ok(sum.into_iter().map(|value| value / length.max(f32::EPSILON)).collect())
    }
}
