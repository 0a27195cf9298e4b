package dev.warpwright.cli.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.Masking;
import dev.warpwright.kernels.attention.Rope;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ModelConfigTest {
  private static final String LLAMA =
      """
      {"architectures": ["LlamaForCausalLM"], "vocab_size": 100, "hidden_size": 64,
       "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4,
       "rms_norm_eps": 1e-6, "max_position_embeddings": 128}
      """;

  private static ModelConfig parse(String json) throws ModelFormatException {
    return ModelConfig.parse("config.json", ByteBuffer.wrap(json.getBytes(StandardCharsets.UTF_8)));
  }

  /** The Llama configuration with one field set to a JSON value. */
  private static String with(String field, String value) {
    JsonObject json = JsonParser.parseString(LLAMA).getAsJsonObject();
    json.add(field, JsonParser.parseString(value));
    return json.toString();
  }

  @Test
  void readsTheShippedModel() throws IOException {
    try (Model model = ShippedModel.open()) {
      assertEquals(
          new ModelConfig(
              256,
              256,
              192,
              new Heads(4, 4, 2, 64),
              Rope.rotateHalf(64, 10_000),
              Masking.CAUSAL,
              1e-5f,
              2048,
              false,
              8,
              2),
          model.config());
    }
  }

  @Test
  void fillsInWhatOldLlamaFilesLeaveOut() throws IOException {
    assertEquals(
        new ModelConfig(
            100,
            64,
            96,
            new Heads(2, 4, 4, 16),
            Rope.rotateHalf(16, 10_000),
            Masking.CAUSAL,
            1e-6f,
            128,
            false,
            0,
            0),
        parse(LLAMA));
  }

  @Test
  void aWindowCountsTheTokenItself() throws IOException {
    assertEquals(7, parse(with("sliding_window", "8")).masking().window());
  }

  @Test
  void readsTheFrequencyBaseWhereNewFilesHaveIt() throws IOException {
    assertEquals(5e5, parse(with("rope_parameters", "{\"rope_theta\":500000.0}")).rope().theta());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "architectures|[\"GPT2LMHeadModel\"]|architectures[0]",
        "architectures|[]|architectures",
        "architectures|null|architectures",
        "vocab_size|0|vocab_size",
        "vocab_size|\"100\"|vocab_size",
        "hidden_size|1e30|hidden_size",
        "hidden_size|12.5|hidden_size",
        "num_hidden_layers|null|num_hidden_layers",
        "num_attention_heads|5|head_dim",
        "num_key_value_heads|3|num_key_value_heads",
        "head_dim|12|head_dim",
        "head_dim|512|head_dim",
        "rms_norm_eps|-1|rms_norm_eps",
        "rms_norm_eps|true|rms_norm_eps",
        "rope_theta|0|rope_theta",
        "rope_parameters|{\"rope_type\":\"yarn\"}|rope_parameters.rope_type",
        "rope_scaling|{\"type\":\"linear\"}|rope_scaling",
        "quantization_config|{}|quantization_config",
        "attention_bias|true|attention_bias",
        "tie_word_embeddings|1|tie_word_embeddings",
        "hidden_act|\"gelu\"|hidden_act",
        "sliding_window|0|sliding_window",
      })
  void namesTheFieldThatIsWrong(String field, String value, String named) {
    ModelFormatException e =
        assertThrows(ModelFormatException.class, () -> parse(with(field, value)));
    assertTrue(e.getMessage().startsWith("config.json: " + named + ": "), e::getMessage);
  }

  @Test
  void mixtralNeedsItsExperts() {
    ModelFormatException e =
        assertThrows(
            ModelFormatException.class,
            () -> parse(with("architectures", "[\"MixtralForCausalLM\"]")));
    assertTrue(e.getMessage().startsWith("config.json: num_local_experts: "), e::getMessage);
  }
}
