package dev.warpwright.cli;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.TypeAdapter;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Writes what a command found as JSON, which has no NaN or infinity: they are null there. */
final class JsonReport {
  private static final Gson JSON =
      new GsonBuilder()
          .setPrettyPrinting()
          .disableHtmlEscaping()
          .serializeNulls()
          .registerTypeAdapter(double.class, new Finite())
          .registerTypeAdapter(Double.class, new Finite())
          .create();

  private JsonReport() {}

  private static final class Finite extends TypeAdapter<Double> {
    @Override
    public void write(JsonWriter out, @Nullable Double value) throws IOException {
      if (value == null || !Double.isFinite(value)) {
        out.nullValue();
      } else {
        out.value(value);
      }
    }

    @Override
    public Double read(JsonReader in) {
      throw new UnsupportedOperationException("reports are not read");
    }
  }

  /** Writes {@code report} to a file of its own. */
  static void write(Path file, Object report) throws IOException {
    Files.writeString(file, JSON.toJson(report) + System.lineSeparator());
  }
}
