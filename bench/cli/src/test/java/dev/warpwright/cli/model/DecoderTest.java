package dev.warpwright.cli.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.Warpwright;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.kernels.MemoryAccount;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DecoderTest {
  private static final int[] TOKENS = new Random(3).ints(40, 0, TinyLlama.VOCABULARY).toArray();
  private static Warpwright ww;

  @TempDir Path folder;

  @BeforeAll
  static void open() {
    ww = Warpwright.builder().threads(2).open();
  }

  @AfterAll
  static void close() {
    ww.close();
  }

  private Model write(TinyLlama llama) throws IOException {
    llama.write(folder);
    return Model.open(folder);
  }

  private static DecoderOptions options(Model model) {
    return DecoderOptions.of(WeightKind.F32, model.config());
  }

  /** F32 sums of at most 48 terms, through two layers. */
  private static void assertClose(double[] expected, float[] actual) {
    for (int i = 0; i < expected.length; i++) {
      assertEquals(expected[i], actual[i], 2e-4 + 2e-5 * Math.abs(expected[i]));
    }
  }

  @ParameterizedTest
  @CsvSource({"true, F32", "true, F16", "false, BF16"})
  void denseLlamaComputesTheFormulas(boolean tied, DType dtype) throws IOException {
    TinyLlama llama = new TinyLlama(tied, dtype);
    double[][] expected = llama.logits(TOKENS);
    try (Model model = write(llama);
        Decoder decoder = new Decoder(ww, model, options(model));
        TokenStream stream = decoder.newStream()) {
      float[][] actual = stream.feedAll(TOKENS);
      for (int t = 0; t < TOKENS.length; t++) {
        assertClose(expected[t], actual[t]);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"1", "7", "16", "40", "512"})
  void chunksDoNotMatter(int chunk) throws IOException {
    TinyLlama llama = new TinyLlama(true, DType.F32);
    double[][] expected = llama.logits(TOKENS);
    try (Model model = write(llama);
        Decoder decoder = new Decoder(ww, model, options(model).withChunk(chunk));
        TokenStream stream = decoder.newStream()) {
      assertClose(expected[TOKENS.length - 1], stream.feed(TOKENS).toFloats());
      assertEquals(TOKENS.length, stream.position());
    }
  }

  @Test
  void scoresAreLossesOfTheTargets() throws IOException {
    TinyLlama llama = new TinyLlama(true, DType.F32);
    double[][] logits = llama.logits(TOKENS);
    int[] targets = new Random(4).ints(TOKENS.length, 0, TinyLlama.VOCABULARY).toArray();
    try (Model model = write(llama);
        Decoder decoder = new Decoder(ww, model, options(model).withChunk(16));
        TokenStream stream = decoder.newStream()) {
      double[] nats = stream.score(TOKENS, targets);
      for (int t = 0; t < TOKENS.length; t++) {
        double sum = 0;
        for (double logit : logits[t]) {
          sum += Math.exp(logit);
        }
        assertEquals(Math.log(sum) - logits[t][targets[t]], nats[t], 1e-3);
      }
    }
  }

  @Test
  void fourBitWeightsAreSmallerAndClose() throws IOException {
    try (Model model = ShippedModel.open();
        Decoder dense = new Decoder(ww, model, options(model).withLength(64));
        Decoder half =
            new Decoder(
                ww, model, DecoderOptions.of(WeightKind.W4_HALF, model.config()).withLength(64));
        Decoder coded =
            new Decoder(
                ww, model, DecoderOptions.of(WeightKind.W4, model.config()).withLength(64))) {
      assertTrue(coded.weightBytes() < dense.weightBytes() / 4);
      assertTrue(half.weightBytes() < coded.weightBytes());
      int[] tokens =
          Tokenizer.BYTES.encode(
              "In the beginning God created the heaven".getBytes(StandardCharsets.UTF_8));
      try (TokenStream exact = dense.newStream();
          TokenStream rounded = coded.newStream()) {
        assertEquals(
            Sampler.GREEDY.choose(exact.feed(tokens)), Sampler.GREEDY.choose(rounded.feed(tokens)));
      }
    }
  }

  @Test
  void sequencesEndWhereTheCacheEnds() throws IOException {
    try (Model model = write(new TinyLlama(true, DType.F32));
        Decoder decoder = new Decoder(ww, model, options(model).withLength(8));
        TokenStream stream = decoder.newStream()) {
      stream.feed(1, 2, 3, 4, 5, 6, 7, 8);
      InvalidArgumentException e =
          assertThrows(InvalidArgumentException.class, () -> stream.feed(9));
      assertTrue(e.getMessage().contains("position is 9"), e::getMessage);
    }
  }

  @Test
  void refusesTokensOutsideTheVocabulary() throws IOException {
    try (Model model = write(new TinyLlama(true, DType.F32));
        Decoder decoder = new Decoder(ww, model, options(model));
        TokenStream stream = decoder.newStream()) {
      assertThrows(InvalidArgumentException.class, () -> stream.feed(TinyLlama.VOCABULARY));
      assertThrows(InvalidArgumentException.class, () -> stream.feed(-1));
    }
  }

  @Test
  void namesATensorThatIsMissingOrOfAnotherShape() throws IOException {
    write(new TinyLlama(true, DType.F32)).close();
    Path config = folder.resolve("config.json");
    String text = Files.readString(config);
    Files.writeString(config, text.replace("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3"));
    requireRefusal("model.layers.2.input_layernorm.weight");
    Files.writeString(
        config, text.replace("\"intermediate_size\": 40", "\"intermediate_size\": 41"));
    requireRefusal("model.layers.0.mlp.gate_proj.weight");
    Files.writeString(config, text.replace("\"tie_word_embeddings\": true", "\"x\": 1"));
    requireRefusal("lm_head.weight");
  }

  private void requireRefusal(String tensor) throws IOException {
    long before = MemoryAccount.live();
    try (Model model = Model.open(folder)) {
      ModelFormatException e =
          assertThrows(
              ModelFormatException.class, () -> new Decoder(ww, model, options(model)).close());
      assertTrue(e.getMessage().contains(tensor), e::getMessage);
    }
    assertEquals(before, MemoryAccount.live(), "memory of the layers before was not freed");
  }

  @Test
  void closingFreesEverything() throws IOException {
    long before = MemoryAccount.live();
    try (Model model = write(new TinyLlama(false, DType.F32));
        Decoder decoder = new Decoder(ww, model, options(model))) {
      assertTrue(MemoryAccount.live() > before + decoder.kvBytes());
      decoder.newStream().close();
    }
    assertEquals(before, MemoryAccount.live());
  }

  @Test
  void generatesTheSameTextAgain() throws IOException {
    try (Model model = write(new TinyLlama(true, DType.F32));
        Decoder decoder = new Decoder(ww, model, options(model))) {
      int[][] texts = new int[2][];
      for (int i = 0; i < 2; i++) {
        try (TokenStream stream = decoder.newStream()) {
          texts[i] = stream.generate(stream.feed(TOKENS), 20, Sampler.random(1, 7), t -> {});
        }
      }
      assertArrayEquals(texts[0], texts[1]);
    }
  }
}
