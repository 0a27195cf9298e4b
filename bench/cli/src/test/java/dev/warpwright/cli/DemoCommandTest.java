package dev.warpwright.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.warpwright.Warpwright;
import dev.warpwright.cli.model.Model;
import dev.warpwright.cli.model.ShippedModel;
import dev.warpwright.cli.model.TinyLlama;
import dev.warpwright.kernels.DType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DemoCommandTest {
  @TempDir Path folder;

  @Test
  void writesWhatItPrints() throws IOException {
    new TinyLlama(true, DType.BF16).write(folder);
    Path json = folder.resolve("demo.json");
    CommandRun run =
        CommandRun.of(
            "demo",
            "--model",
            folder.toString(),
            "--bytes",
            "200",
            "--kv",
            "F16",
            "--json",
            json.toString());
    assertEquals(0, run.exit(), run::err);
    JsonObject report = JsonParser.parseString(Files.readString(json)).getAsJsonObject();
    assertEquals(3, report.getAsJsonArray("decoders").size());
    JsonObject dense = report.getAsJsonArray("decoders").get(0).getAsJsonObject();
    assertEquals("dense F32", dense.get("weights").getAsString());
    assertEquals(200, dense.get("textBytes").getAsInt());
    double bits = dense.get("bitsPerByte").getAsDouble();
    // Random weights predict worse than chance.
    assertTrue(bits > 8 && bits < 50, "bits per byte " + bits);
    assertTrue(
        dense.get("peakBytes").getAsLong()
            > dense.get("weightBytes").getAsLong() + dense.get("kvBytes").getAsLong());
    assertEquals(1 + 8, report.getAsJsonArray("evictions").size());
    JsonObject aggregation = report.getAsJsonObject("aggregation");
    String digest = aggregation.get("shuffledSha256").getAsString();
    assertEquals(digest, aggregation.get("orderedSha256").getAsString());
    for (String printed :
        new String[] {"dense F32", "dense W4", "200 B", "full cache", digest, "the same bits"}) {
      assertTrue(run.out().contains(printed), run::out);
    }
  }

  /**
   * The bits are promised for every machine, so they can be written down. A program in another
   * language that adds the same tree gives these too.
   */
  @Test
  void theMeanHasTheSameBitsEverywhere() throws IOException {
    try (Warpwright ww = Warpwright.builder().threads(2).open();
        Model model = ShippedModel.open()) {
      CheckpointAggregation.Result result =
          new CheckpointAggregation(ww, model.checkpoint(), 5).run();
      assertEquals(5, result.copies());
      assertEquals(5_646_592, result.columns());
      assertTrue(result.isEqual());
      assertEquals(
          "5da0d77c78091029cd28434a92777e110090de2dec1a86f3d6f60f5103c04698",
          result.orderedSha256());
    }
  }

  @Test
  void refusesWhatItCannotDo() {
    assertEquals(2, CommandRun.of("demo", "--bytes", "1").exit());
    assertEquals(2, CommandRun.of("demo", "--tokens", "1").exit());
    assertEquals(2, CommandRun.of("demo", "--kv", "I16").exit());
    assertEquals(2, CommandRun.of("demo", "--kv", "huge").exit());
  }
}
