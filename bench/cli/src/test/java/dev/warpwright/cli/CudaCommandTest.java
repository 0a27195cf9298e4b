package dev.warpwright.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.warpwright.cli.model.TinyLlama;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelProvider;
import dev.warpwright.softgpu.SoftGpu;
import dev.warpwright.softgpu.SoftGpuTest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.ServiceLoader;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The commands on a GPU, which is a software GPU here. */
@SoftGpuTest
class CudaCommandTest {
  @TempDir Path folder;

  @BeforeEach
  void kernelsAreCompiled() {
    assumeTrue(
        ServiceLoader.load(KernelProvider.class).stream()
            .map(ServiceLoader.Provider::get)
            .anyMatch(provider -> provider.id().equals("cuda") && provider.probe().isAvailable()),
        "the build had no nvcc");
  }

  private JsonObject demo(String backend) throws IOException {
    Path json = folder.resolve(backend + ".json");
    CommandRun run =
        CommandRun.of(
            "demo",
            "--backend",
            backend,
            "--model",
            folder.toString(),
            "--bytes",
            "40",
            "--tokens",
            "6",
            "--json",
            json.toString());
    assertEquals(0, run.exit(), run::err);
    return JsonParser.parseString(Files.readString(json)).getAsJsonObject();
  }

  @Test
  void theDemoWritesWhatItWritesOnTheCpu(SoftGpu gpu) throws IOException {
    new TinyLlama(true, DType.BF16).write(folder);
    JsonObject cpu = demo("cpu");
    assertEquals(0, gpu.launches().size());
    JsonObject cuda = demo("cuda");
    assertTrue(gpu.launches().size() > 100, () -> gpu.launches().size() + " launches");
    assertEquals("Software GPU (H100)", cuda.get("device").getAsString());
    List<JsonElement> expected = cpu.getAsJsonArray("decoders").asList();
    List<JsonElement> decoders = cuda.getAsJsonArray("decoders").asList();
    assertEquals(expected.size(), decoders.size());
    for (int row = 0; row < expected.size(); row++) {
      JsonObject one = expected.get(row).getAsJsonObject();
      JsonObject other = decoders.get(row).getAsJsonObject();
      assertEquals(one.get("weights"), other.get("weights"));
      assertEquals(one.get("sample"), other.get("sample"));
      assertEquals(
          one.get("bitsPerByte").getAsDouble(), other.get("bitsPerByte").getAsDouble(), 1e-3);
    }
    assertSameRows(cpu.get("evictions"), cuda.get("evictions"));
    assertEquals(cpu.get("aggregation"), cuda.get("aggregation"));
  }

  private CommandRun evict(String backend, Path json) throws IOException {
    Path text = folder.resolve("text");
    Files.writeString(text, "In the beginning God created the heaven and the earth.");
    return CommandRun.of(
        "evict",
        "--backend",
        backend,
        "--model",
        folder.toString(),
        "--text",
        text.toString(),
        "--windows",
        "1",
        "--budgets",
        "16",
        "--json",
        json.toString());
  }

  @Test
  void policiesEvictWhatTheyEvictOnTheCpu() throws IOException {
    new TinyLlama(true, DType.BF16).write(folder);
    Path json = folder.resolve("evict.json");
    assertEquals(0, evict("cpu", json).exit());
    JsonElement expected = JsonParser.parseString(Files.readString(json));
    CommandRun run = evict("cuda", json);
    assertEquals(0, run.exit(), run::err);
    assertFalse(run.out().contains(" is left out: "), run::out);
    assertSameRows(expected, JsonParser.parseString(Files.readString(json)));
  }

  /** The same ways to keep a cache small, which lose the same. */
  private static void assertSameRows(JsonElement expected, JsonElement actual) {
    List<JsonElement> rows = actual.getAsJsonArray().asList();
    assertEquals(expected.getAsJsonArray().size(), rows.size());
    for (int i = 0; i < rows.size(); i++) {
      JsonObject one = expected.getAsJsonArray().get(i).getAsJsonObject();
      JsonObject other = rows.get(i).getAsJsonObject();
      assertEquals(one.get("policy"), other.get("policy"));
      assertEquals(one.get("kvBytes"), other.get("kvBytes"));
      assertEquals(one.get("bits").getAsDouble(), other.get("bits").getAsDouble(), 1e-3);
    }
    assertTrue(actual.toString().contains("\"KVMerger\""), actual::toString);
  }

  @Test
  void theProviderIsVerified(SoftGpu gpu) {
    CommandRun run =
        CommandRun.of("verify", "--provider", "cuda", "--kernel", "route", "--cases", "2");
    assertEquals(0, run.exit(), () -> run.out() + run.err());
    assertTrue(run.out().matches("(?s).*route +cuda +\\d+ .* ok.*"), run::out);
    assertTrue(gpu.launches().size() > 0);
  }
}
