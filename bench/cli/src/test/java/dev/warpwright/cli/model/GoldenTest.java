package dev.warpwright.cli.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.Gson;
import com.google.gson.annotations.SerializedName;
import dev.warpwright.Warpwright;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.moe.Routing;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * Runs the shipped model and compares with values that two independent implementations gave in F32;
 * they agree with each other to 2.4e-5 in the logits, and exactly in experts and greedy bytes.
 */
class GoldenTest {
  /** Twenty times the difference of the two implementations. */
  private static final double LOGITS = 5e-4;

  /** A router weight p changes by at most p(1 − p) ≤ 1/4 of a logit's error. */
  private static final double ROUTER_WEIGHTS = LOGITS / 4;

  private static Golden golden;
  private static int[] text;
  private static Warpwright ww;
  private static Model model;
  private static Decoder decoder;

  private static final class Golden {
    @SerializedName("prompt_bytes")
    int[] prompt;

    @SerializedName("prompt_mean_nll_nats_255")
    double promptNats;

    List<Top> top5;

    @SerializedName("logits_last_position_all256")
    float[] lastLogits;

    @SerializedName("router_last16")
    List<Router> routers;

    Greedy greedy;

    @SerializedName("long_window")
    LongWindow longWindow;
  }

  private static final class Top {
    int position;

    @SerializedName("top5_ids")
    int[] ids;

    @SerializedName("top5_logits")
    float[] logits;
  }

  private static final class Router {
    int layer;
    int[] positions;

    @SerializedName("top2_ids")
    int[][] ids;

    @SerializedName("top2_weights")
    float[][] weights;
  }

  private static final class Greedy {
    int[] ids;
  }

  private static final class LongWindow {
    int offset;
    int length;

    @SerializedName("mean_nll_nats_2048_targets")
    double nats;

    @SerializedName("mean_nll_nats_last_512_targets")
    double lastNats;

    @SerializedName("top5_ids_last")
    int[] topIds;

    @SerializedName("top5_logits_last")
    float[] topLogits;
  }

  @BeforeAll
  static void open() throws IOException {
    try (Reader reader =
        new InputStreamReader(
            Objects.requireNonNull(GoldenTest.class.getResourceAsStream("golden.json")),
            StandardCharsets.UTF_8)) {
      golden = new Gson().fromJson(reader, Golden.class);
    }
    text = Tokenizer.BYTES.encode(ShippedModel.text());
    ww = Warpwright.open();
    model = ShippedModel.open();
    decoder = new Decoder(ww, model, DecoderOptions.of(WeightKind.F32, model.config()));
  }

  @AfterAll
  static void close() {
    decoder.close();
    model.close();
    ww.close();
  }

  @Test
  void logitsOfAPromptFedAtOnce() {
    try (TokenStream stream = decoder.newStream()) {
      requireLogits(stream.feedAll(golden.prompt));
    }
  }

  /** The decode kernels in place of the prefill kernels. */
  @Test
  void logitsOfAPromptFedTokenByToken() {
    try (TokenStream stream = decoder.newStream()) {
      float[][] logits = new float[golden.prompt.length][];
      for (int i = 0; i < logits.length; i++) {
        logits[i] = stream.feed(golden.prompt[i]).toFloats();
      }
      requireLogits(logits);
    }
  }

  private static void requireLogits(float[][] logits) {
    assertEquals(16, golden.top5.size());
    for (Top top : golden.top5) {
      float[] row = logits[top.position];
      for (int i = 0; i < top.ids.length; i++) {
        assertEquals(top.logits[i], row[top.ids[i]], LOGITS, "position " + top.position);
      }
    }
    assertEquals(255, logits.length - 1);
    assertArrayEquals(golden.lastLogits, logits[255], (float) LOGITS);
  }

  @Test
  void expertsOfEveryLayer() {
    int[][][] ids = new int[4][][];
    float[][][] weights = new float[4][][];
    decoder.listen(
        new LayerListener() {
          @Override
          public void routed(int layer, Tensor x, Routing routing) {
            int tokens = (int) routing.ids().size(0);
            ids[layer] =
                IntStream.range(0, tokens)
                    .mapToObj(t -> routing.ids().row(t).toInts())
                    .toArray(int[][]::new);
            weights[layer] =
                IntStream.range(0, tokens)
                    .mapToObj(t -> routing.weights().row(t).toFloats())
                    .toArray(float[][]::new);
          }
        });
    try (TokenStream stream = decoder.newStream()) {
      stream.feed(golden.prompt);
    } finally {
      decoder.listen(LayerListener.NONE);
    }
    assertEquals(4, golden.routers.size());
    for (Router router : golden.routers) {
      for (int i = 0; i < router.positions.length; i++) {
        int position = router.positions[i];
        String place = "layer " + router.layer + ", position " + position;
        assertArrayEquals(router.ids[i], ids[router.layer][position], place);
        assertArrayEquals(
            router.weights[i], weights[router.layer][position], (float) ROUTER_WEIGHTS, place);
      }
    }
  }

  @Test
  void greedyContinuationByteForByte() {
    try (TokenStream stream = decoder.newStream()) {
      Tensor logits = stream.feed(golden.prompt);
      int[] heard = new int[golden.greedy.ids.length];
      int[] count = new int[1];
      int[] generated =
          stream.generate(logits, heard.length, Sampler.GREEDY, id -> heard[count[0]++] = id);
      assertEquals(200, generated.length);
      assertArrayEquals(golden.greedy.ids, generated);
      assertArrayEquals(golden.greedy.ids, heard);
    }
  }

  @Test
  void meanLossOfThePrompt() {
    try (TokenStream stream = decoder.newStream()) {
      double[] nats =
          stream.score(golden.prompt, Arrays.copyOfRange(golden.prompt, 1, golden.prompt.length));
      assertEquals(golden.promptNats, Arrays.stream(nats).average().orElseThrow(), 1e-5);
    }
  }

  @Test
  void meanLossOfALongWindow() {
    LongWindow window = golden.longWindow;
    int end = window.offset + window.length;
    try (TokenStream stream = decoder.newStream()) {
      double[] nats =
          stream.score(
              Arrays.copyOfRange(text, window.offset, end),
              Arrays.copyOfRange(text, window.offset + 1, end + 1));
      assertEquals(2048, nats.length);
      assertEquals(window.nats, Arrays.stream(nats).average().orElseThrow(), 1e-5);
      double[] last = Arrays.copyOfRange(nats, nats.length - 512, nats.length);
      assertEquals(window.lastNats, Arrays.stream(last).average().orElseThrow(), 1e-5);
    }
    try (TokenStream stream = decoder.newStream()) {
      Tensor logits = stream.feed(Arrays.copyOfRange(text, window.offset, end));
      for (int i = 0; i < window.topIds.length; i++) {
        assertEquals(window.topLogits[i], logits.getFloat(window.topIds[i]), LOGITS);
      }
    }
  }

  @Test
  void bitsPerByteOfTheFirst64KiB() throws IOException {
    byte[] read = Arrays.copyOf(ShippedModel.text(), 1 << 16);
    BitsPerByte bits = new BitsPerByte(decoder, Tokenizer.BYTES, read, 1024);
    assertEquals(64, bits.windows());
    assertEquals(1.500, bits.measure(() -> {}), 0.002);
  }

  /** Keys and values in half precision cost next to nothing. */
  @Test
  void halfPrecisionCacheStaysClose() throws IOException {
    DecoderOptions half =
        DecoderOptions.of(WeightKind.F32, model.config())
            .withKv(dev.warpwright.kernels.DType.F16)
            .withLength(1024);
    try (Decoder other = new Decoder(ww, model, half)) {
      assertTrue(other.kvBytes() < decoder.kvBytes() / 2);
      byte[] read = Arrays.copyOf(ShippedModel.text(), 4096);
      double exact = new BitsPerByte(decoder, Tokenizer.BYTES, read, 1024).measure(() -> {});
      double rounded = new BitsPerByte(other, Tokenizer.BYTES, read, 1024).measure(() -> {});
      assertEquals(exact, rounded, 1e-3);
    }
  }

  /**
   * Half of the groups can go when the others adapt to what the matrices are multiplied with; by
   * size alone the same model falls to about 4 bits per byte.
   */
  @Test
  void halfTheGroupsStillPredict() throws IOException {
    byte[] all = ShippedModel.text();
    Calibration calibration =
        Calibration.on(ww, model, Arrays.copyOfRange(all, 1 << 16, (1 << 16) + 8192));
    DecoderOptions half =
        DecoderOptions.of(WeightKind.W4_HALF, model.config())
            .withCalibration(calibration)
            .withLength(1024);
    try (Decoder pruned = new Decoder(ww, model, half)) {
      byte[] read = Arrays.copyOf(all, 8192);
      double bits = new BitsPerByte(pruned, Tokenizer.BYTES, read, 1024).measure(() -> {});
      assertTrue(bits < 2, "bits per byte " + bits);
    }
  }
}
